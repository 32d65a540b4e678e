import type pg from 'pg';
import type { SettingsReader } from '../../../records/settings-reader.ts';

/** What the worker process gives to the activities of a rollout. */
export interface RolloutDependencies {
  pool: pg.Pool;
  settings: SettingsReader;
}
