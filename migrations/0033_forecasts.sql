-- What a vehicle or slice takes at a server, as its runs have shown: src/pool/forecast.ts has the model, src/records/forecasts.ts the rows.
CREATE TABLE server_costs (
  server_id  text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  unit       text NOT NULL CHECK (unit IN ('vehicle', 'slice')),
  cost       jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (server_id, unit)
);

-- How long a run was expected to take when it was planned, and how long it took. Times are from the end of planning to the end of the run.
CREATE TABLE run_forecasts (
  run_id     uuid PRIMARY KEY REFERENCES sync_runs ON DELETE CASCADE,
  made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The costs it was made from: {"depot-1": {"vehicle": {"fixedMs": 90, "perRowMs": 0.02}}}.
  costs      jsonb NOT NULL,
  -- false: a server was not known well enough. Nothing is told or decided by such a forecast.
  known      boolean NOT NULL,
  work_ms    double precision NOT NULL CHECK (work_ms >= 0),
  -- The work in its order on the run's slots, and what nine of ten runs hold by how earlier ones of the selection took.
  p50_ms     double precision NOT NULL CHECK (p50_ms >= 0),
  p90_ms     double precision NOT NULL CHECK (p90_ms >= p50_ms),
  -- Slots that were opened at the start instead of all; NULL: all, or all again.
  slots      integer CHECK (slots > 0),
  -- NULL: it goes on, or was lost.
  actual_ms  double precision CHECK (actual_ms >= 0),
  -- Somebody paused it or changed its workers: later forecasts are not measured by it.
  steered    boolean NOT NULL DEFAULT false
);
