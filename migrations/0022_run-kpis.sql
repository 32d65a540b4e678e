-- What a run took and brought, written when it ends: sums, so that those of many runs add up. src/records/run-kpis.ts has the formulas.
CREATE TABLE run_kpis (
  run_id           uuid PRIMARY KEY REFERENCES sync_runs ON DELETE CASCADE,
  ended_at         timestamptz NOT NULL,
  duration_ms      bigint NOT NULL,
  -- Slots that had work, and for how long.
  slots            integer NOT NULL,
  slot_ms          bigint NOT NULL,
  busy_slot_ms     bigint NOT NULL,
  vehicles         integer NOT NULL,
  up_to_date       integer NOT NULL,
  synced           integer NOT NULL,
  -- Of the slots' work that ended well.
  synced_slot_ms   bigint NOT NULL,
  failed           integer NOT NULL,
  -- Of these for their server: it could not be reached, or did not let us in.
  server_failures  integer NOT NULL,
  inserted         bigint NOT NULL,
  bytes            bigint NOT NULL,
  -- {"1": {"works": 12, "failed": 1}}: the vehicles and slices of each slot.
  work_by_slot     jsonb NOT NULL
);
CREATE INDEX run_kpis_ended ON run_kpis (ended_at);

-- The time of the newest position that came: with last_synced_at it tells a silent vehicle from a sync that is broken. NULL: none came since this column.
ALTER TABLE vehicles ADD COLUMN newest_position_at timestamptz;
