import type pg from 'pg';
import type { Logger } from '../../../logger.ts';
import type { TransferPermits } from '../../../pool/permits.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { WorkPace } from '../load/work-pace.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';

/** What the worker process gives to the activities of a reconciliation. */
export interface ReconciliationDependencies {
  pool: pg.Pool;
  /** For statements that may take long. */
  importPool: pg.Pool;
  legacyHosts: LegacyHosts;
  places: TransferPermits;
  settings: () => LegacySyncSettings;
  pace: WorkPace;
  logger: Logger;
  heartbeat: (details: unknown) => void;
  cancellationSignal: () => AbortSignal;
  /** Of the activity under way, from 1. */
  attempt: () => number;
}
