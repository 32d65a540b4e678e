import type { Client } from '@temporalio/client';
import type pg from 'pg';
import type { Logger } from '../logger.ts';
import { usefulSlots } from '../records/open-work.ts';
import { runningRuns } from '../records/sync-runs.ts';
import { effectiveWorkers } from '../settings/effective-workers.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { workersWantedSignal } from '../workflows/legacy-sync/messages.ts';

/**
 * Signals running fleet syncs how many worker slots the changed settings give them: all slots may be busy for minutes, and would notice only
 * at their next claim. Every worker process does this; the signal carries a number, so receiving it twice is harmless.
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
    for (const run of await runningRuns(pool)) {
      const workers = await usefulSlots(pool, run.runId, effectiveWorkers(settings, run.maxWorkers));
      // By the id alone: a run that was reset goes on under another run id.
      if (workers > 0) await client.workflow.getHandle(run.workflowId).signal(workersWantedSignal, workers);
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
