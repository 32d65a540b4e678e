-- Health checks of legacy servers, which are made on a schedule of their own, whether anything is synced or not. The newest of each server are kept.
CREATE TABLE server_checks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  server_id text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  checked_at timestamptz NOT NULL DEFAULT now(),
  duration_ms int NOT NULL CHECK (duration_ms >= 0),
  failure_code text,
  failure_message text,
  CHECK ((failure_code IS NULL) = (failure_message IS NULL))
);
CREATE INDEX server_checks_newest ON server_checks (server_id, id DESC);
CREATE INDEX server_checks_good ON server_checks (server_id, id DESC) WHERE failure_code IS NULL;
