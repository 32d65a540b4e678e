-- What a legacy host last said of its own load, for the limit that adapts; NULL until it was heard.
ALTER TABLE legacy_server_state ADD COLUMN host_load jsonb;

-- Token buckets of a legacy host, over all runs and workers. Below 0 they are owed: whoever took them waits until they have come.
CREATE TABLE server_rates (
  server_id  text NOT NULL REFERENCES legacy_servers ON DELETE CASCADE,
  kind       text NOT NULL CHECK (kind IN ('dumps', 'rows', 'bytes')),
  tokens     double precision NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (server_id, kind)
);
