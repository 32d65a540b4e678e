import { ApplicationFailure } from '@temporalio/activity';
import type pg from 'pg';
import type { FailureCode } from '../../../errors.ts';
import type { LoadInput, RangeTotals, VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHost } from '../legacy-host/legacy-host.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../load/local-staging.ts';
import { readLedger } from '../load/range-records.ts';
import { type Attempt, type AttemptDependencies, attemptWork } from './attempt.ts';
import { importDump, type ImportDumpDependencies } from './import-dump.ts';
import { leaveNothing } from './leave-nothing.ts';
import { type VehicleContext, readVehicleContext } from './vehicle-context.ts';

export interface LoadDependencies extends AttemptDependencies, ImportDumpDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
}

/** Trying the same file again would end the same way: it has to be exported again. */
const FILE_IS_NO_GOOD = new Set<string>([
  'DumpTruncated',
  'DumpCorrupt',
  'DumpRowCountMismatch',
  'WatermarkMoved',
] satisfies FailureCode[]);

/**
 * Brings one exported range into PostgreSQL: transfer, import, then both copies of the file are removed. A retry on this host goes on
 * with the part of the file that is here; on another host it transfers again; one whose range was committed before only cleans up.
 */
export function createLoadRange(deps: LoadDependencies): VehicleActivities['loadRange'] {
  return async (input) => {
    const { key, manifest } = input;
    const context = await readVehicleContext(deps.pool, key);
    const host = deps.legacyHosts.of(context.server);
    try {
      return await attemptWork(deps, key, context, async (attempt) => {
        const recorded = await readLedger(deps.pool, { ...key, toId: manifest.toId });
        const totals = recorded ?? (await transferAndImport(deps, host, context, input, attempt));
        await removeCopies(deps, host, input, attempt.signal);
        return totals;
      });
    } catch (error) {
      await leaveNothing(deps, host, key);
      if (!(error instanceof ApplicationFailure) || !FILE_IS_NO_GOOD.has(error.type ?? '')) throw error;
      await Promise.all([deps.staging.remove(key), host.removeFiles(key)]);
      if (error.nonRetryable) throw error;
      return null;
    }
  };
}

async function transferAndImport(
  deps: LoadDependencies,
  host: LegacyHost,
  context: VehicleContext,
  { key, manifest }: LoadInput,
  attempt: Attempt,
): Promise<RangeTotals> {
  const { signal, progress, queued, setStatus } = attempt;
  const localFile = await deps.staging.fileFor(key, manifest);
  await setStatus('transferring');
  await host.transfer({
    manifest,
    localFile,
    signal,
    onQueued: queued,
    onProgress: (bytes) => {
      if (bytes >= manifest.bytes / 2 && bytes < manifest.bytes) deps.faultPoint?.('transfer:half');
      progress.report(bytes);
    },
  });
  return importDump(deps, context, { key, manifest, counted: 'all', dump: localFile }, attempt);
}

/** The last range takes the directories with it: whatever is left there would wait for the janitor. */
async function removeCopies(
  deps: LoadDependencies,
  host: LegacyHost,
  { key, manifest }: LoadInput,
  signal: AbortSignal,
): Promise<void> {
  await (manifest.last ? deps.staging.remove(key) : deps.staging.removeFile(await deps.staging.fileFor(key, manifest)));
  deps.faultPoint?.('cleanup:half');
  await (manifest.last ? host.removeFiles(key, signal) : host.removeFile(manifest, signal));
}
