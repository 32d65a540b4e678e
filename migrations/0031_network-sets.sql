-- What each of the tables stops, routes and flights holds of the source: a set whose answers are the same again is not read again, and of another one only
-- rows of buckets with another digest are compared. src/activities/transport-graph/odata-sync/network-set.ts makes them.
CREATE TABLE network_sets (
  set_name        text PRIMARY KEY CHECK (set_name IN ('stops', 'routes', 'flights')),
  -- Whose rows they are. No reference: what does not fit is not used.
  dataset_version bigint NOT NULL,
  dataset_sha256  text NOT NULL,
  reading_sha256  text NOT NULL,
  content_sha256  text NOT NULL,
  row_count       int NOT NULL,
  digests         bytea NOT NULL
);

-- network_digests stays, because workers of an older build write it until they are replaced. Nothing reads it any more.
