-- A condition that the admin is told of when it begins and when it is over, however long it lasts and however many workers see it.
CREATE TABLE incidents (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- What is wrong, and with what: `circuit-open` of `depot-1`.
  kind     text NOT NULL,
  about    text NOT NULL,
  -- The worst that it has been.
  level    text NOT NULL CHECK (level IN ('warning', 'critical')),
  began_at timestamptz NOT NULL DEFAULT now(),
  over_at  timestamptz
);
CREATE UNIQUE INDEX incidents_open ON incidents (kind, about) WHERE over_at IS NULL;

-- What of an incident is still to be told.
CREATE INDEX alerts_untold ON alerts (id) WHERE delivery = '{}';
