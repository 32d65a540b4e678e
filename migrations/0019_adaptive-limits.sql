-- How many may be in flight at a server by its own behaviour, and what that is judged by; NULL until the limit has adapted once.
ALTER TABLE legacy_server_state ADD COLUMN adaptive jsonb;

-- Why that number is what it is.
CREATE TABLE limit_changes (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  server_id  text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  -- The run whose vehicle or slice told it.
  run_id     uuid NOT NULL,
  from_limit integer NOT NULL CHECK (from_limit > 0),
  to_limit   integer NOT NULL CHECK (to_limit > 0 AND to_limit <> from_limit),
  reason     text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX limit_changes_by_server ON limit_changes (server_id, id DESC);
