-- SHA-256 of the answers and of everything that decides how they are read: the same again needs no reading. null: saved before there was one.
ALTER TABLE datasets ADD COLUMN reading_sha256 text CHECK (reading_sha256 ~ '^[0-9a-f]{64}$');

-- What the tables stops, routes and flights hold of the source, as digests of buckets of rows: only rows of other buckets are compared with them.
-- One row, or none. src/activities/transport-graph/odata-sync/dataset-content.ts makes them.
CREATE TABLE network_digests (
  one_row         boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  -- Whose rows they are. No reference: what does not fit is not used.
  dataset_version bigint NOT NULL,
  content_sha256  text NOT NULL,
  stops           bytea NOT NULL,
  routes          bytea NOT NULL,
  flights         bytea NOT NULL
);

-- The version is that of the transaction which writes the rows, whose dataset is never deleted. Asked of each row of a first sync, the reference took
-- a third of its time.
ALTER TABLE stops DROP CONSTRAINT stops_dataset_version_fkey;
ALTER TABLE routes DROP CONSTRAINT routes_dataset_version_fkey;
ALTER TABLE flights DROP CONSTRAINT flights_dataset_version_fkey;
