import { performance } from 'node:perf_hooks';
import type { FleetSyncInput } from '../../src/workflows/legacy-sync/messages.ts';
import type { Bench } from '../bench-stack.ts';

export interface FleetSyncTime {
  ms: number;
  runId: string;
  vehicles: number;
}

/** Syncs as `fleetgraph sync --all` does, and measures from the start request to the run's result. The worker process runs already. */
export async function syncFleet(
  { session }: Bench,
  slots: number,
  selection: FleetSyncInput['selection'] = { kind: 'all' },
): Promise<FleetSyncTime> {
  const manager = await session.manager();
  const startedAt = performance.now();
  const run = await manager.start({ selection, maxWorkers: slots, requestedBy: 'bench' });
  const result = await run.result();
  const ms = performance.now() - startedAt;
  if (result.failed > 0 || result.quarantined > 0) {
    const failed = (await manager.results(run.runId)).find(({ error }) => error !== null);
    throw new Error(
      `fleetgraph: ${result.failed} of ${result.vehicles} vehicles failed, ${result.quarantined} rows are in quarantine: ` +
        `${failed?.label} ${failed?.error?.code} ${failed?.error?.message}`,
    );
  }
  return { ms, runId: run.runId, vehicles: result.vehicles };
}

/** Removes all traces of earlier syncs. */
export async function forgetPositions({ ours }: Bench): Promise<void> {
  await ours.query('TRUNCATE positions');
  await ours.query('UPDATE vehicles SET watermark = 0, range_rows = NULL, last_synced_at = NULL');
}
