-- The transport network: what the OData source publishes, what is generated beside it, and the graphs built from both.

CREATE TABLE datasets (
  version         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source          text NOT NULL,
  -- Of the known fields of all rows, sorted: decides whether anything changed. raw_sha256 proves the backup.
  content_sha256  text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  raw_sha256      text NOT NULL CHECK (raw_sha256 ~ '^[0-9a-f]{64}$'),
  -- held: empty or sharply shrunken, waits for an operator. One dataset of a source is active.
  state           text NOT NULL CHECK (state IN ('active', 'superseded', 'held', 'rejected')),
  stops           integer NOT NULL,
  routes          integer NOT NULL,
  flights         integer NOT NULL,
  added           integer NOT NULL DEFAULT 0,
  updated         integer NOT NULL DEFAULT 0,
  deleted         integer NOT NULL DEFAULT 0,
  -- What later stages made of it: virtual entities, graph.
  statistics      jsonb NOT NULL DEFAULT '{}',
  held_reason     text,
  decided_by      text,
  decision_reason text,
  decided_at      timestamptz,
  backup_status   text NOT NULL DEFAULT 'off' CHECK (backup_status IN ('off', 'pending', 'done', 'failed')),
  backup_key      text,
  backup_error    text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CHECK (state <> 'held' OR held_reason IS NOT NULL),
  CHECK (state <> 'rejected' OR (decided_by IS NOT NULL AND decision_reason IS NOT NULL))
);
CREATE UNIQUE INDEX datasets_one_active ON datasets (source) WHERE state = 'active';
CREATE INDEX datasets_content ON datasets (source, content_sha256);

-- Backups on their way to the object store: written with the dataset and deleted when the store has them, so that neither a store that is
-- away nor a worker that dies between the two loses one.
CREATE TABLE dataset_backups (
  dataset_version bigint PRIMARY KEY REFERENCES datasets,
  body            bytea NOT NULL
);

CREATE TABLE stops (
  id              text PRIMARY KEY CHECK (id <> ''),
  name            text NOT NULL,
  city_name       text,
  latitude        double precision CHECK (latitude BETWEEN -90 AND 90),
  longitude       double precision CHECK (longitude BETWEEN -180 AND 180),
  dataset_version bigint NOT NULL REFERENCES datasets
);
CREATE INDEX idx_stops_city ON stops (city_name);

CREATE TABLE routes (
  id               text PRIMARY KEY CHECK (id <> ''),
  name             text NOT NULL,
  from_stop_id     text NOT NULL,
  to_stop_id       text NOT NULL,
  transport_type   text NOT NULL DEFAULT 'BUS',
  duration_minutes integer,
  distance_km      double precision,
  fare_rub         numeric(12, 2),
  dataset_version  bigint NOT NULL REFERENCES datasets
);
CREATE INDEX idx_routes_from_stop ON routes (from_stop_id);
CREATE INDEX idx_routes_to_stop ON routes (to_stop_id);

CREATE TABLE virtual_stops (
  id        text PRIMARY KEY CHECK (id ~ '^virtual-stop-[a-z0-9-]+$'),
  name      text NOT NULL,
  city_name text NOT NULL UNIQUE,
  latitude  double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
  longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
  time_zone text NOT NULL,
  type      text NOT NULL DEFAULT 'virtual' CHECK (type = 'virtual'),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE virtual_routes (
  id               text PRIMARY KEY CHECK (id ~ '^virtual-route-'),
  name             text NOT NULL,
  from_stop_id     text NOT NULL,
  to_stop_id       text NOT NULL,
  transport_type   text NOT NULL DEFAULT 'BUS',
  duration_minutes integer NOT NULL CHECK (duration_minutes >= 1),
  distance_km      double precision NOT NULL CHECK (distance_km >= 0),
  fare_rub         numeric(12, 2) NOT NULL DEFAULT 1000,
  created_at       timestamptz NOT NULL DEFAULT now(),
  CHECK (id = 'virtual-route-' || from_stop_id || '-' || to_stop_id),
  CHECK (from_stop_id <> to_stop_id)
);

-- Real and virtual departures. No foreign key to routes: a flight may belong to either table of them, and an orphan is a finding
-- of the graph's validation, which the spec's consistency query shows, and not a reason to refuse the source's other rows.
CREATE TABLE flights (
  id              text PRIMARY KEY CHECK (id <> ''),
  route_id        text NOT NULL,
  from_stop_id    text NOT NULL,
  to_stop_id      text NOT NULL,
  departure_at    timestamptz NOT NULL,
  arrival_at      timestamptz NOT NULL,
  available_seats integer NOT NULL DEFAULT 50 CHECK (available_seats >= 0),
  is_virtual      boolean NOT NULL DEFAULT false,
  dataset_version bigint REFERENCES datasets
);
CREATE INDEX idx_flights_route ON flights (route_id);
CREATE INDEX idx_flights_stops ON flights (from_stop_id, to_stop_id);

CREATE TABLE graphs (
  -- The digits of `graph-v…`.
  id               bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000000001) PRIMARY KEY,
  version          text GENERATED ALWAYS AS ('graph-v' || id::text) STORED UNIQUE,
  dataset_version  bigint NOT NULL REFERENCES datasets,
  -- Dataset, virtual entities and builder together: the same fingerprint is the same graph.
  fingerprint      text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
  state            text NOT NULL CHECK (state IN ('building', 'activating', 'active', 'retired', 'deleted', 'failed')),
  nodes            integer,
  edges            integer,
  content_sha256   text,
  report           jsonb NOT NULL DEFAULT '{}',
  previous_version text,
  backup_status    text NOT NULL DEFAULT 'off' CHECK (backup_status IN ('off', 'done', 'failed')),
  backup_key       text,
  backup_tried_at  timestamptz,
  lease_until      timestamptz,
  created_at       timestamptz NOT NULL DEFAULT now(),
  activated_at     timestamptz,
  retired_at       timestamptz
);
CREATE UNIQUE INDEX graphs_one_active ON graphs ((true)) WHERE state = 'active';
CREATE INDEX graphs_fingerprint ON graphs (fingerprint);
