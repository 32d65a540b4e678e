-- Slots of runs that an operator asked for by vehicle, and that found a legacy server full: the next free place there is kept for them.
CREATE TABLE place_requests (
  server_id text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  run_id    uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
  slot      integer NOT NULL,
  asked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (server_id, run_id, slot)
);
