-- A table that many vehicles of a run share, read once for all of them.
CREATE TABLE table_reads (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id      uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
  server_id   text NOT NULL REFERENCES legacy_servers,
  table_name  text NOT NULL,
  slices      integer NOT NULL CHECK (slices > 0),
  -- As it was when the read was planned: its slices agree on which rows are read again.
  overlap_ids bigint NOT NULL CHECK (overlap_ids >= 0),
  -- The first slice was claimed, and with it the vehicles.
  begun_at    timestamptz,
  UNIQUE (run_id, server_id, table_name)
);

-- The id ranges of a read, without a gap: from_id < id <= to_id. A worker slot claims one as it claims a vehicle. The row is also the ledger
-- of the slice: imported_at is set in the transaction that brings its rows, once.
CREATE TABLE table_slices (
  run_id          uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
  slice_id        text NOT NULL CHECK (slice_id ~ '^slice-[0-9]+-[0-9]+$'),
  read_id         bigint NOT NULL REFERENCES table_reads ON DELETE CASCADE,
  number          integer NOT NULL CHECK (number > 0),
  server_id       text NOT NULL REFERENCES legacy_servers,
  from_id         bigint NOT NULL CHECK (from_id >= 0),
  to_id           bigint NOT NULL,
  class           integer NOT NULL,
  planned_rows    bigint NOT NULL,
  state           text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'claimed', 'settled')),
  status          text NOT NULL DEFAULT 'idle'
                  CHECK (status IN ('idle', 'exporting', 'transferring', 'importing', 'completed', 'failed')),
  slot            integer CHECK (slot > 0),
  sequence        bigint,
  not_before      timestamptz NOT NULL DEFAULT '-infinity',
  deferrals       integer NOT NULL DEFAULT 0,
  claimed_at      timestamptz,
  lease_until     timestamptz,
  work_failures   integer NOT NULL DEFAULT 0,
  worked_ms       bigint NOT NULL DEFAULT 0,
  working_since   timestamptz,
  imported_at     timestamptz,
  sha256          text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- Of the dump; skipped ones are of vehicles that nobody wanted.
  rows            bigint NOT NULL DEFAULT 0,
  skipped         bigint NOT NULL DEFAULT 0,
  inserted        bigint NOT NULL DEFAULT 0,
  duplicates      bigint NOT NULL DEFAULT 0,
  quarantined     bigint NOT NULL DEFAULT 0,
  bytes           bigint NOT NULL DEFAULT 0,
  failure_code    text,
  failure_message text,
  settled_at      timestamptz,
  PRIMARY KEY (run_id, slice_id),
  UNIQUE (read_id, number),
  CHECK (from_id < to_id),
  CHECK (inserted + duplicates + quarantined + skipped = rows),
  CHECK ((state = 'claimed') = (lease_until IS NOT NULL)),
  CHECK ((state = 'settled') = (status IN ('completed', 'failed')))
);
CREATE UNIQUE INDEX table_slices_one_claim_per_slot ON table_slices (run_id, slot) WHERE state = 'claimed';
CREATE INDEX table_slices_in_flight ON table_slices (server_id) WHERE state = 'claimed';

ALTER TABLE vehicle_syncs
  -- The read that brings this vehicle's rows; null: a sync of its own. Without a foreign key, which would need an index: building one locks a
  -- large table for as long as it takes, and every statement that asks for a read's vehicles knows their run.
  ADD COLUMN read_id bigint,
  -- The last slice that had rows of it.
  ADD COLUMN read_slice integer,
  -- What its slices brought so far: rows that planning counted, and what was seen of the window below frozen_to_id.
  ADD COLUMN read_rows bigint NOT NULL DEFAULT 0,
  ADD COLUMN read_seen_rows bigint NOT NULL DEFAULT 0,
  ADD COLUMN read_seen_id_sum bigint DEFAULT 0,
  -- Why its read goes on without it: it gets a sync of its own when the read is over.
  ADD COLUMN left_out text;

-- The number of the slice that brought these rows; 0: a range of the vehicle's own. A vehicle that was left out of its read may end a range of
-- its own at the same id, which then adds its counts to the slice's row: a longer primary key would have to be built anew, under a lock.
ALTER TABLE import_ledger ADD COLUMN slice integer NOT NULL DEFAULT 0;
