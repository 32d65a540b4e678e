import { mappingDoubts } from '../../../legacy-inspection/mapping-doubts.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { latestFixes, readDoubts, serversWithNewRows, writeDoubts } from '../../../records/mapping-doubts.ts';
import { warnRun } from '../../../records/run-warnings.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';

/**
 * Compares what a run brought with what the mappings of its servers say, and writes into the run's row how they contradict each other. It costs some
 * milliseconds a server. It never fails the run, which has ended by then.
 */
export async function judgeMappings(
  { pool, log }: Pick<FleetDependencies, 'pool' | 'log'>,
  runId: string,
): Promise<void> {
  try {
    const serverIds = await serversWithNewRows(pool, runId);
    for (const serverId of serverIds) {
      const { columns } = await readLegacyServer(pool, serverId);
      await writeDoubts(pool, serverId, mappingDoubts(columns, await latestFixes(pool, runId, serverId)));
    }
    const doubts = await readDoubts(pool, serverIds);
    const warnings = doubts.map(({ serverId, found }) => ({
      serverId,
      found: `the mapping contradicts its rows: ${found}`,
    }));
    for (const { serverId, found } of warnings) log.warn({ runId, serverId }, found);
    if (warnings.length > 0) await warnRun(pool, runId, warnings);
  } catch (error) {
    log.warn({ runId, err: error }, 'the mappings of this run could not be compared with its rows');
  }
}
