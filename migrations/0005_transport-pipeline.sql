-- The stages of the transport-graph pipeline, as data: an embedding program may add its own.
CREATE TABLE pipeline_stages (
  worker_id    text PRIMARY KEY CHECK (worker_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  worker_name  text NOT NULL,
  version      text NOT NULL DEFAULT '1.0.0',
  position     integer NOT NULL UNIQUE,
  -- A critical stage that fails stops the pipeline.
  critical     boolean NOT NULL DEFAULT true,
  attempts     integer NOT NULL CHECK (attempts BETWEEN 1 AND 10),
  timeout_ms   integer NOT NULL CHECK (timeout_ms > 0),
  -- null: one of ours. Else the task queue that the embedding process polls.
  task_queue   text,
  depends_on   text[] NOT NULL DEFAULT '{}',
  enabled      boolean NOT NULL DEFAULT true
);
INSERT INTO pipeline_stages (worker_id, worker_name, position, critical, attempts, timeout_ms, depends_on) VALUES
('odata-sync-worker', 'OData Synchronization Worker', 100, true, 3, 600000, '{}'),
('virtual-entities-generator', 'Virtual Entities Generator Worker', 200, false, 2, 300000, '{odata-sync-worker}'),
('graph-builder', 'Graph Builder Worker', 300, true, 2, 600000, '{odata-sync-worker}');

CREATE TABLE stage_runs (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  worker_id       text NOT NULL,
  workflow_id     text NOT NULL,
  workflow_run_id uuid NOT NULL,
  -- Null for a stage that was started alone.
  pipeline_run_id uuid,
  status          text NOT NULL CHECK (status IN ('running', 'success', 'failed', 'skipped')),
  message         text,
  failure_code    text,
  forced          boolean NOT NULL DEFAULT false,
  dataset_version bigint REFERENCES datasets,
  added           integer NOT NULL DEFAULT 0,
  updated         integer NOT NULL DEFAULT 0,
  deleted         integer NOT NULL DEFAULT 0,
  attempts        integer NOT NULL DEFAULT 0,
  started_at      timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz,
  UNIQUE (workflow_run_id),
  CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX stage_runs_latest ON stage_runs (worker_id, started_at DESC);

-- Completion per stage and input: a stage that failed is redone although the source did not change.
CREATE TABLE stage_completions (
  worker_id    text NOT NULL,
  fingerprint  text NOT NULL,
  completed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (worker_id, fingerprint)
);

CREATE TABLE alerts (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT now(),
  worker_id  text,
  subject    text NOT NULL,
  message    text NOT NULL,
  -- {"webhook": "sent" | "failed: …" | "off", "email": …}
  delivery   jsonb NOT NULL DEFAULT '{}',
  dedupe_key text NOT NULL UNIQUE
);
