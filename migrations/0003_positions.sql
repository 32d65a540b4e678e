-- With TimescaleDB a hypertable; without it the same table in native yearly range partitions, so that every query is the same.
-- No foreign key to vehicles: its trigger would run once a row of the bulk load; the load holds the vehicle's row instead.
DO $$
DECLARE
  -- CREATE EXTENSION without the preloaded library ends the connection, so look first. Only a privileged role sees the list of
  -- preloaded libraries; the loader's own setting is visible to all.
  with_timescale boolean := EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
                            AND coalesce((SELECT setting LIKE '%timescaledb%' FROM pg_settings WHERE name = 'shared_preload_libraries'),
                                         EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers'));
  first_day date;
BEGIN
  EXECUTE format($table$
    CREATE TABLE positions (
      vehicle_id  bigint NOT NULL,
      time        timestamptz NOT NULL,
      legacy_id   bigint NOT NULL,
      latitude    double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
      longitude   double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
      speed_kmh   double precision,
      heading_deg double precision,
      altitude_m  double precision,
      received_at timestamptz,
      -- bits: src/activities/legacy-sync/dump/flags.ts
      flags       smallint NOT NULL DEFAULT 0,
      attributes  jsonb,
      UNIQUE (vehicle_id, time, legacy_id),
      CHECK (isfinite(time))
    ) %s $table$, CASE WHEN with_timescale THEN '' ELSE 'PARTITION BY RANGE (time)' END);

  IF with_timescale THEN
    CREATE EXTENSION IF NOT EXISTS timescaledb;
    PERFORM create_hypertable('positions', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
    ALTER TABLE positions SET (timescaledb.compress, timescaledb.compress_segmentby = 'vehicle_id', timescaledb.compress_orderby = 'time, legacy_id');
    PERFORM add_compression_policy('positions', interval '30 days');
  ELSE
    RAISE NOTICE 'TimescaleDB is not installed here: positions uses native range partitions';
    FOR first_day IN SELECT generate_series(date '2000-01-01', date '2049-01-01', interval '1 year')::date LOOP
      EXECUTE format('CREATE TABLE positions_%s PARTITION OF positions FOR VALUES FROM (%L) TO (%L)',
        to_char(first_day, 'YYYY'), first_day || ' 00:00:00+00', (first_day + interval '1 year')::date || ' 00:00:00+00');
    END LOOP;
    CREATE TABLE positions_other PARTITION OF positions DEFAULT;
  END IF;
END $$;

-- One row per range that is in positions, written in the transaction that put it there: what makes an import happen once.
CREATE TABLE import_ledger (
  vehicle_id   bigint NOT NULL REFERENCES vehicles,
  run_id       uuid NOT NULL REFERENCES sync_runs,
  from_id      bigint NOT NULL,
  watermark    bigint NOT NULL,
  to_id        bigint NOT NULL,
  sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  rows         bigint NOT NULL,
  inserted     bigint NOT NULL,
  duplicates   bigint NOT NULL,
  quarantined  bigint NOT NULL,
  bytes        bigint NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (vehicle_id, run_id, to_id),
  CHECK (inserted + duplicates + quarantined = rows),
  CHECK (from_id <= to_id)
);

CREATE TABLE quarantine (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  vehicle_id  bigint NOT NULL REFERENCES vehicles,
  run_id      uuid NOT NULL REFERENCES sync_runs,
  legacy_id   numeric,
  reason      text NOT NULL,
  column_name text,
  -- The row as it stood in the dump, whole: the only copy may be here one day.
  raw         bytea NOT NULL,
  raw_sha256  bytea GENERATED ALWAYS AS (sha256(raw)) STORED,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- The overlap reads a row again: it is in quarantine once.
  UNIQUE (vehicle_id, raw_sha256)
);
CREATE INDEX quarantine_by_vehicle ON quarantine (vehicle_id, created_at DESC);
