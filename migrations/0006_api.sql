-- Keys of the REST API. The database role it works under is made by src/connections/api-role.ts with each `fleetgraph migrate`.
CREATE TABLE api_keys (
  -- The part before the dot of a key; the part behind it is kept as a hash only.
  id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{12}$'),
  name          text NOT NULL CHECK (name <> ''),
  role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  -- 256 random bits need no slow hash: there is nothing to guess.
  secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
  created_by    text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz,
  revoked_at    timestamptz
);

-- What is in the audit log stays as it was written, whoever is connected.
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
CREATE INDEX audit_log_runs ON audit_log ((details ->> 'runId')) WHERE details ? 'runId';
CREATE INDEX stage_runs_of_pipeline ON stage_runs (pipeline_run_id, started_at);
CREATE INDEX stage_runs_started ON stage_runs (started_at DESC);
-- What a vehicle's page and a run's throughput are read by.
CREATE INDEX vehicle_syncs_of_vehicle ON vehicle_syncs (vehicle_id, planned_at DESC);
CREATE INDEX import_ledger_of_run ON import_ledger (run_id, committed_at);
