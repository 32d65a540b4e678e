import type pg from 'pg';

/** What the worker process gives to the activities of a rollout. */
export interface RolloutDependencies {
  pool: pg.Pool;
}
