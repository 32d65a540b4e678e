import type pg from 'pg';
import type { BreakerStore } from '../../../pool/breaker-store.ts';
import type { Logger } from '../../../logger.ts';
import type { LegacyPlanner } from './legacy-planner.ts';
import type { SettingsReader } from './settings-reader.ts';

/** What the fleet activities are given by the worker process. */
export interface FleetDependencies {
  pool: pg.Pool;
  planner: LegacyPlanner;
  breakers: BreakerStore;
  settings: SettingsReader;
  log: Logger;
  /** Temporal's heartbeat of the activity under way. */
  heartbeat: (details: unknown) => void;
  /** Aborts when the activity under way is cancelled. */
  cancellationSignal: () => AbortSignal;
  random?: () => number;
}
