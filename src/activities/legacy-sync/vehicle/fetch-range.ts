import type pg from 'pg';
import type { VehicleActivities, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions, LegacyHost } from '../legacy-host/legacy-host.ts';
import type { LocalStaging } from '../load/local-staging.ts';
import { readLedger } from '../load/range-records.ts';
import type { Attempt } from './attempt.ts';
import { importFile, type ImportFileDependencies } from './import-file.ts';
import type { VehicleContext } from './vehicle-context.ts';

export type RangeResult = Awaited<ReturnType<VehicleActivities['exportRange']>>;

export interface FetchDependencies extends ImportFileDependencies {
  pool: pg.Pool;
  staging: LocalStaging;
}

/**
 * All stages of a small range in one attempt: over one session it is dumped, verified, sent and removed, then imported. An attempt that
 * fails in between begins again with the dump, which is cheap for what is small; the ledger keeps a range that was committed from being
 * imported twice.
 */
export async function fetchRange(
  deps: FetchDependencies,
  host: LegacyHost,
  context: VehicleContext,
  key: VehicleSyncKey,
  options: ExportOptions,
  attempt: Attempt,
): Promise<RangeResult> {
  let localFile = '';
  const exported = await host.exportAndFetch({
    ...options,
    fileFor: async (manifest) => (localFile = await deps.staging.fileFor(key, manifest)),
    onSending: () => {
      deps.faultPoint?.('export:done');
      void attempt.setStatus('transferring');
    },
    onReceived: ({ bytes }, received) => {
      if (received >= bytes / 2) deps.faultPoint?.('transfer:half');
      attempt.progress.report(received);
    },
  });
  if (exported === null) return null;
  const { manifest, sent, removed } = exported;
  if (!sent) return manifest;
  const totals = await importFile(deps, context, { key, manifest, localFile }, attempt).catch(
    async (error: unknown) => {
      // The next attempt brings a file of its own.
      await deps.staging.remove(key).catch(() => {});
      throw error;
    },
  );
  deps.faultPoint?.('cleanup:half');
  await removeBoth(deps, host, key, { removed, signal: attempt.signal });
  return { loaded: totals, last: manifest.last };
}

/** What an attempt that was killed after its COMMIT could not answer any more: the range is in PostgreSQL, and what it left is removed. */
export async function recallRange(
  deps: FetchDependencies,
  host: LegacyHost,
  { sync }: VehicleContext,
  key: VehicleSyncKey,
  signal: AbortSignal,
): Promise<RangeResult> {
  await removeBoth(deps, host, key, { removed: false, signal });
  const totals = await readLedger(deps.pool, { ...key, toId: sync.cursor });
  return totals === null ? null : { loaded: totals, last: true };
}

async function removeBoth(
  { staging }: FetchDependencies,
  host: LegacyHost,
  key: VehicleSyncKey,
  { removed, signal }: { removed: boolean; signal: AbortSignal },
): Promise<void> {
  await staging.remove(key);
  if (!removed) await host.removeFiles(key, signal);
}

/** Whether the rows that were counted make a dump that may be sent at once; of how many there are beyond the count nobody knows. */
export function isSmall(
  { sync }: VehicleContext,
  { atOnceBytes, method }: { atOnceBytes: number; method: string },
): boolean {
  return method === 'exec' && !sync.capped && (sync.plannedRows - sync.rows) * BYTES_PER_ROW <= atOnceBytes;
}

/** Of a GPS table's row, compressed. The dump's true size decides in the end. */
const BYTES_PER_ROW = 40;
