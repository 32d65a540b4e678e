-- Settings, typed where they are stored, so that a plain UPDATE in psql cannot put text where a number belongs.
CREATE TABLE system_settings (
  key        text PRIMARY KEY CHECK (key ~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$'),
  value      text NOT NULL,
  type       text NOT NULL CHECK (type IN ('string', 'number', 'boolean')),
  category   text NOT NULL,
  -- {"minimum", "above", "maximum", "whole", "oneOf"}, kept current by `fleetgraph migrate` from the settings' schema
  bounds     jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT system_settings_value_has_its_type CHECK (
    CASE type
      WHEN 'number'  THEN value ~ '^-?[0-9]+(\.[0-9]+)?$'
      WHEN 'boolean' THEN value IN ('true', 'false')
      ELSE true
    END
  )
);

-- Refused where it is typed, and not by the next run that reads it. The type's own check runs after triggers: look at numbers only.
CREATE FUNCTION system_settings_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  is_number boolean := NEW.type = 'number' AND NEW.value ~ '^-?[0-9]+(\.[0-9]+)?$';
BEGIN
  IF (is_number AND (NEW.value::numeric < (NEW.bounds->>'minimum')::numeric
                     OR NEW.value::numeric <= (NEW.bounds->>'above')::numeric
                     OR NEW.value::numeric > (NEW.bounds->>'maximum')::numeric
                     OR (NEW.bounds ? 'whole' AND NEW.value::numeric <> trunc(NEW.value::numeric))))
     OR (NEW.type = 'string' AND NEW.bounds ? 'oneOf' AND NOT NEW.bounds->'oneOf' ? NEW.value) THEN
    RAISE EXCEPTION '% cannot be %', NEW.key, NEW.value
      USING ERRCODE = 'check_violation', DETAIL = 'allowed: ' || NEW.bounds::text;
  END IF;
  NEW.updated_at := now();
  PERFORM pg_notify('fleetgraph_settings', NEW.key);
  RETURN NEW;
END $$;

CREATE TRIGGER system_settings_changed BEFORE INSERT OR UPDATE ON system_settings
  FOR EACH ROW EXECUTE FUNCTION system_settings_changed();

INSERT INTO system_settings (key, value, type, category) VALUES
('legacy_sync.worker_pool.enabled', 'true', 'boolean', 'legacy_sync'),
('legacy_sync.worker_pool.max_workers', '3', 'number', 'legacy_sync'),
('legacy_sync.worker_pool.worker_timeout_ms', '600000', 'number', 'legacy_sync'),
('legacy_sync.ssh.connection_pool_size', '5', 'number', 'legacy_sync'),
('legacy_sync.transfer.concurrent_limit', '3', 'number', 'legacy_sync');

CREATE TABLE audit_log (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT now(),
  actor   text NOT NULL CHECK (actor <> ''),
  action  text NOT NULL CHECK (action <> ''),
  subject text NOT NULL,
  reason  text,
  details jsonb NOT NULL DEFAULT '{}'
);
