import type { Client } from '@temporalio/client';
import type pg from 'pg';
import type { Logger } from '../logger.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { workersWantedSignal } from '../workflows/legacy-sync/messages.ts';

/**
 * Tells running fleet syncs how many worker slots the changed settings give them: their slots may all be busy for minutes and would
 * notice only at their next claim. Every worker process does it; the signal says a number, so hearing it twice is harmless.
 */
export function createFleetNotifier({
  client,
  pool,
  logger,
}: {
  client: Client;
  pool: pg.Pool;
  logger: Logger;
}): (settings: LegacySyncSettings) => void {
  let told: number | null = null;
  const tell = async (settings: LegacySyncSettings): Promise<void> => {
    const { rows } = await pool.query<{ run_id: string; workflow_id: string; max_workers: number | null }>(
      `SELECT run_id, workflow_id, max_workers FROM sync_runs WHERE state = 'running'`,
    );
    for (const run of rows) {
      const workers = settings.poolEnabled ? (run.max_workers ?? settings.maxWorkers) : 1;
      await client.workflow.getHandle(run.workflow_id, run.run_id).signal(workersWantedSignal, workers);
    }
  };
  return (settings) => {
    const wanted = settings.poolEnabled ? settings.maxWorkers : 0;
    if (wanted === told) return;
    told = wanted;
    tell(settings).catch((error: unknown) => {
      told = null;
      logger.warn(
        { err: error },
        'running fleet syncs could not be told of the new max_workers; they see it at their next claim',
      );
    });
  };
}
