-- A comparison of what arrived with what the legacy servers have now: src/records/reconciliations.ts.
CREATE TABLE reconciliations (
  reconciliation_id uuid PRIMARY KEY,
  workflow_id       text NOT NULL,
  selection         jsonb NOT NULL,
  -- Days of each server's own zone; null: all there are.
  from_day          date,
  to_day            date,
  requested_by      text NOT NULL,
  state             text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'cancelled', 'failed')),
  started_at        timestamptz NOT NULL DEFAULT now(),
  finished_at       timestamptz,
  CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX reconciliations_started ON reconciliations (started_at DESC);

CREATE TABLE reconciled_vehicles (
  reconciliation_id uuid NOT NULL REFERENCES reconciliations ON DELETE CASCADE,
  vehicle_id        bigint NOT NULL REFERENCES vehicles,
  server_id         text NOT NULL REFERENCES legacy_servers,
  state             text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'compared', 'failed')),
  -- sql: each side hashed its rows by itself; rows: they were read and converted again.
  method            text CHECK (method IN ('sql', 'rows')),
  -- Fields of the mapping that MySQL cannot read as an import does.
  unsaid            text[] NOT NULL DEFAULT '{}',
  source_rows       bigint NOT NULL DEFAULT 0,
  target_rows       bigint NOT NULL DEFAULT 0,
  missing           bigint NOT NULL DEFAULT 0,
  changed           bigint NOT NULL DEFAULT 0,
  extra             bigint NOT NULL DEFAULT 0,
  quarantined       bigint NOT NULL DEFAULT 0,
  -- What the differences are, in words.
  findings          text[] NOT NULL DEFAULT '{}',
  failure_code      text,
  failure_message   text,
  compared_at       timestamptz,
  PRIMARY KEY (reconciliation_id, vehicle_id),
  CHECK ((state = 'failed') = (failure_code IS NOT NULL))
);
CREATE INDEX reconciled_vehicles_planned ON reconciled_vehicles (reconciliation_id, server_id) WHERE state = 'planned';

-- The days of a vehicle on which the two sides differ, with the ids of the rows. -infinity: rows whose time cannot be read.
CREATE TABLE reconciled_days (
  reconciliation_id uuid NOT NULL,
  vehicle_id        bigint NOT NULL,
  day               date NOT NULL,
  source_rows       bigint NOT NULL,
  target_rows       bigint NOT NULL,
  missing           bigint[] NOT NULL,
  changed           bigint[] NOT NULL,
  quarantined       bigint[] NOT NULL,
  extra             bigint[] NOT NULL,
  extra_times       timestamptz[] NOT NULL,
  -- What positions has of the changed rows.
  old               bigint[] NOT NULL,
  old_times         timestamptz[] NOT NULL,
  -- Set in the transaction that brings the rows, once.
  repaired_at       timestamptz,
  PRIMARY KEY (reconciliation_id, vehicle_id, day),
  FOREIGN KEY (reconciliation_id, vehicle_id) REFERENCES reconciled_vehicles ON DELETE CASCADE,
  CHECK (cardinality(extra) = cardinality(extra_times) AND cardinality(old) = cardinality(old_times))
);

-- Rows of positions that the source does not have any more. An operator removes them.
CREATE TABLE extra_positions (
  vehicle_id        bigint NOT NULL REFERENCES vehicles,
  "time"            timestamptz NOT NULL,
  legacy_id         bigint NOT NULL,
  -- Which comparison found it.
  reconciliation_id uuid NOT NULL,
  marked_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (vehicle_id, "time", legacy_id)
);

ALTER TABLE server_permits DROP CONSTRAINT server_permits_kind_check,
  ADD CHECK (kind IN ('connection', 'transfer', 'reconcile'));
