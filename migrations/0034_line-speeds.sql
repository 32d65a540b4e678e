-- What one transfer gets of the line to a legacy server, as the last transfers measured it. It decides how dumps are compressed.
CREATE TABLE line_speeds (
  server_id        text PRIMARY KEY REFERENCES legacy_servers ON DELETE CASCADE,
  bytes_per_second double precision NOT NULL CHECK (bytes_per_second > 0),
  measured_at      timestamptz NOT NULL DEFAULT now()
);
