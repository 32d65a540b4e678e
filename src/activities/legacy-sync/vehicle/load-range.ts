import { ApplicationFailure } from '@temporalio/activity';
import type pg from 'pg';
import { readLedger } from '../../../records/import-ledger.ts';
import type { ExportManifest, RangeTotals, VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';
import { type AttemptDependencies, attemptWork } from './attempt.ts';
import { importDump, type ImportDumpDependencies } from './import-dump.ts';
import type { RangeWork } from './range-work.ts';
import { isExportedAgain } from './export-import-retry.ts';
import type { OutlivedFiles } from './outlived-files.ts';
import { removeOutlivedFiles } from './remove-outlived-files.ts';
import { transferToStaging } from './transfer-to-staging.ts';
import { readVehicleContext } from '../vehicle-context.ts';

export interface LoadDependencies extends AttemptDependencies, ImportDumpDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  outlived?: OutlivedFiles;
}

/**
 * Brings one exported range into PostgreSQL: transfers and imports its file, then removes both copies. A retry on this host goes on with
 * the part of the file that is here; a retry on another host transfers all of it. When the range is committed already, it only cleans up.
 */
export function createLoadRange(deps: LoadDependencies): VehicleActivities['loadRange'] {
  return async (input) => {
    const { key, manifest } = input;
    const context = await readVehicleContext(deps.pool, key);
    const host = deps.legacyHosts.of(context.server);
    try {
      return await attemptWork(deps, { key, context }, async (attempt) => {
        const work = { key, context, host, attempt };
        const recorded = await readLedger(deps.pool, { ...key, toId: manifest.toId });
        const totals = recorded ?? (await transferAndImport(deps, work, manifest));
        await removeCopies(deps, work, manifest);
        return totals;
      });
    } catch (error) {
      await removeOutlivedFiles(deps, host, key);
      if (!(error instanceof ApplicationFailure) || !isExportedAgain(error.type)) throw error;
      await Promise.all([deps.staging.remove(key), host.removeFiles(key)]);
      if (error.nonRetryable) throw error;
      return null;
    }
  };
}

async function transferAndImport(
  deps: LoadDependencies,
  work: RangeWork,
  manifest: ExportManifest,
): Promise<RangeTotals> {
  const localFile = await transferToStaging(deps, work, manifest);
  return importDump(deps, work, { manifest, counted: 'all', dump: localFile });
}

/** With the last range the directories are removed too, so that nothing is left for the janitor. */
async function removeCopies(
  deps: LoadDependencies,
  { key, host, attempt }: RangeWork,
  manifest: ExportManifest,
): Promise<void> {
  const { signal } = attempt;
  await (manifest.last ? deps.staging.remove(key) : deps.staging.removeFile(await deps.staging.fileFor(key, manifest)));
  deps.faultPoint?.('cleanup:half');
  await (manifest.last ? host.removeFiles(key, signal) : host.removeFile(manifest, signal));
}
