CREATE TABLE legacy_servers (
  id                    text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  host                  text NOT NULL,
  port                  integer NOT NULL DEFAULT 22 CHECK (port BETWEEN 1 AND 65535),
  "user"                text NOT NULL,
  -- file:/path or env:NAME. A secret itself never enters the database.
  private_key_ref       text NOT NULL CHECK (private_key_ref ~ '^(file:/.+|env:[A-Z][A-Z0-9_]*)$'),
  host_key_fingerprints text[] NOT NULL CHECK (cardinality(host_key_fingerprints) >= 1),
  mysql_host            text NOT NULL DEFAULT '127.0.0.1',
  mysql_port            integer NOT NULL DEFAULT 3306 CHECK (mysql_port BETWEEN 1 AND 65535),
  mysql_user            text NOT NULL,
  mysql_password_ref    text CHECK (mysql_password_ref ~ '^(file:/.+|env:[A-Z][A-Z0-9_]*)$'),
  database              text NOT NULL CHECK (database ~ '^[A-Za-z0-9_]{1,64}$'),
  time_zone             text NOT NULL,
  columns               jsonb NOT NULL,
  "values"              jsonb NOT NULL DEFAULT '{}',
  limits                jsonb NOT NULL DEFAULT '{}',
  remote_directory      text NOT NULL DEFAULT '~/.fleetgraph',
  created_at            timestamptz NOT NULL DEFAULT now(),
  updated_at            timestamptz NOT NULL DEFAULT now()
);

-- The row whose lock every permit, limit and breaker change of a legacy server takes. Apart from legacy_servers, so that
-- editing a server does not wait for a running claim.
CREATE TABLE legacy_server_state (
  server_id text PRIMARY KEY REFERENCES legacy_servers ON DELETE CASCADE,
  breaker   jsonb NOT NULL DEFAULT '{"state": "closed", "failures": 0, "openings": 0}',
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION legacy_server_state_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO legacy_server_state (server_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NEW;
END $$;
CREATE TRIGGER legacy_server_state_follows AFTER INSERT ON legacy_servers
  FOR EACH ROW EXECUTE FUNCTION legacy_server_state_follows();

-- What a table of the legacy server looked like when it was last planned: dumps are read against it.
CREATE TABLE legacy_tables (
  server_id  text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  table_name text NOT NULL CHECK (table_name ~ '^[A-Za-z0-9_]{1,64}$'),
  -- [{"name", "dataType", "columnType", "nullable"}] in table order
  columns    jsonb NOT NULL,
  read_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (server_id, table_name)
);

CREATE TABLE vehicles (
  id                bigint PRIMARY KEY CHECK (id > 0),
  label             text NOT NULL,
  server_id         text NOT NULL REFERENCES legacy_servers,
  legacy_table      text NOT NULL CHECK (legacy_table ~ '^[A-Za-z0-9_]{1,64}$'),
  legacy_vehicle_id text CHECK (legacy_vehicle_id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
  priority          integer NOT NULL DEFAULT 0,
  enabled           boolean NOT NULL DEFAULT true,
  watermark         bigint NOT NULL DEFAULT 0 CHECK (watermark >= 0),
  -- Rows with seen_from_id < id <= seen_to_id, as the import that set the watermark saw them. More of them at the source now are
  -- transactions that committed late. A watermark set by hand is not seen_to_id and has no such window.
  seen_from_id      bigint,
  seen_to_id        bigint,
  seen_rows         bigint,
  -- Rows per range for this vehicle, an eighth after a timeout that committed nothing; null follows the setting.
  range_rows        integer CHECK (range_rows > 0),
  last_synced_at    timestamptz,
  created_at        timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (server_id, legacy_table, legacy_vehicle_id)
);

CREATE TABLE sync_runs (
  run_id       uuid PRIMARY KEY,
  workflow_id  text NOT NULL,
  selection    jsonb NOT NULL,
  mode         text NOT NULL CHECK (mode IN ('delta', 'full')),
  requested_by text NOT NULL,
  state        text NOT NULL DEFAULT 'running'
               CHECK (state IN ('running', 'completed', 'cancelled', 'failed', 'lost')),
  paused       boolean NOT NULL DEFAULT false,
  -- null follows legacy_sync.worker_pool.max_workers
  max_workers  integer CHECK (max_workers > 0),
  -- {server: {"planned", "upToDate", "failed", "plannedRows"}}, written with that server's vehicle_syncs: a server named here is
  -- planned, whatever a retried planning thinks.
  planning     jsonb NOT NULL DEFAULT '{}',
  up_to_date   integer NOT NULL DEFAULT 0,
  started_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX sync_runs_running ON sync_runs (workflow_id) WHERE state = 'running';
CREATE INDEX sync_runs_started ON sync_runs (started_at DESC);

CREATE TABLE vehicle_syncs (
  run_id          uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
  vehicle_id      bigint NOT NULL REFERENCES vehicles,
  server_id       text NOT NULL REFERENCES legacy_servers,
  state           text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'claimed', 'settled')),
  -- The six words of the worker pool's public vocabulary.
  status          text NOT NULL DEFAULT 'idle'
                  CHECK (status IN ('idle', 'exporting', 'transferring', 'importing', 'completed', 'failed')),
  -- full: a row that is read may be there already, and the cursor may lie below the vehicle's watermark.
  mode            text NOT NULL DEFAULT 'delta' CHECK (mode IN ('delta', 'full')),
  class           integer NOT NULL DEFAULT 0,
  planned_rows    bigint NOT NULL DEFAULT 0 CHECK (planned_rows >= 0),
  -- planned_rows stopped counting here: there are at least that many.
  rows_capped     boolean NOT NULL DEFAULT false,
  -- The next range starts above cursor_id; ids above frozen_to_id came after the run began and wait for the next one.
  cursor_id       bigint NOT NULL DEFAULT 0,
  frozen_to_id    bigint NOT NULL DEFAULT 0,
  slot            integer CHECK (slot > 0),
  sequence        bigint,
  not_before      timestamptz NOT NULL DEFAULT '-infinity',
  deferrals       integer NOT NULL DEFAULT 0,
  lease_until     timestamptz,
  -- Failures of the work in the range under way; a committed range starts the count again.
  work_failures   integer NOT NULL DEFAULT 0,
  worked_ms       bigint NOT NULL DEFAULT 0,
  working_since   timestamptz,
  ranges          integer NOT NULL DEFAULT 0,
  rows            bigint NOT NULL DEFAULT 0,
  inserted        bigint NOT NULL DEFAULT 0,
  duplicates      bigint NOT NULL DEFAULT 0,
  quarantined     bigint NOT NULL DEFAULT 0,
  bytes           bigint NOT NULL DEFAULT 0,
  failure_code    text,
  failure_message text,
  planned_at      timestamptz NOT NULL DEFAULT now(),
  claimed_at      timestamptz,
  settled_at      timestamptz,
  PRIMARY KEY (run_id, vehicle_id),
  CHECK ((state = 'claimed') = (lease_until IS NOT NULL)),
  CHECK ((state = 'settled') = (status IN ('completed', 'failed'))),
  CHECK ((status = 'failed') = (failure_code IS NOT NULL))
);
-- A vehicle is worked on by one run at a time, and a slot works on one vehicle at a time, whatever the code believes.
CREATE UNIQUE INDEX vehicle_syncs_one_claim_per_vehicle ON vehicle_syncs (vehicle_id) WHERE state = 'claimed';
CREATE UNIQUE INDEX vehicle_syncs_one_claim_per_slot ON vehicle_syncs (run_id, slot) WHERE state = 'claimed';
CREATE INDEX vehicle_syncs_queue ON vehicle_syncs (run_id, class DESC, planned_rows DESC) WHERE state = 'planned';
CREATE INDEX vehicle_syncs_in_flight ON vehicle_syncs (server_id) WHERE state = 'claimed';

-- Places at a legacy server, held by worker processes for as long as they renew the lease.
CREATE TABLE server_permits (
  server_id   text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  kind        text NOT NULL CHECK (kind IN ('connection', 'transfer')),
  holder      text NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (server_id, kind, holder)
);
