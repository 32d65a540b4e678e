-- Rollouts of the legacy sync at a legacy server, step by step: src/records/rollouts.ts.
CREATE TABLE rollouts (
  rollout_id   uuid PRIMARY KEY,
  workflow_id  text NOT NULL,
  -- Not with its server: what it has set for every server would stay set, and nobody be told.
  server_id    text NOT NULL REFERENCES legacy_servers,
  -- As they were laid out at the start.
  steps        jsonb NOT NULL,
  unattended   boolean NOT NULL,
  requested_by text NOT NULL,
  -- withdrawn: taken back from its first step; lost: its workflow was ended from outside, which the next rollout of the server finds.
  state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'withdrawn', 'cancelled', 'failed', 'lost')),
  started_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX rollouts_of_server ON rollouts (server_id, started_at DESC);

-- Each time that a step was run. The current step is the last one that was not withdrawn.
CREATE TABLE rollout_steps (
  rollout_id        uuid NOT NULL REFERENCES rollouts ON DELETE CASCADE,
  number            int NOT NULL,
  -- Tells an attempt that is repeated from a step that is run again.
  opening           text NOT NULL,
  -- Of `steps`, from 0.
  position          int NOT NULL,
  opened_by         text NOT NULL,
  state             text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'good', 'not-good', 'withdrawn')),
  run_id            uuid,
  reconciliation_id uuid,
  measured          jsonb,
  -- Why it is not good, in words.
  reasons           text[] NOT NULL DEFAULT '{}',
  -- Not good for no other reason than that there was too little to do.
  idle              boolean NOT NULL DEFAULT false,
  -- What it changed of settings and limits, with what was there before.
  changes           jsonb NOT NULL DEFAULT '[]',
  undone            boolean NOT NULL DEFAULT false,
  -- Of what was changed, what somebody else had changed meanwhile, and was left so.
  kept              text[] NOT NULL DEFAULT '{}',
  started_at        timestamptz NOT NULL DEFAULT now(),
  finished_at       timestamptz,
  PRIMARY KEY (rollout_id, number),
  UNIQUE (rollout_id, opening),
  CHECK ((state = 'running') = (finished_at IS NULL))
);
