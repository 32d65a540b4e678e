import { ApplicationFailure, Context, activityInfo } from '@temporalio/activity';
import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { serverOfSlice } from '../../../records/claimed-slice.ts';
import { readSliceLedger } from '../../../records/imported-slices.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { sliceClaims } from '../../../records/slice-claims.ts';
import { slotBuffers } from '../../../settings/slot-buffers.ts';
import type {
  ExportManifest,
  RangeTotals,
  SliceActivities,
  VehicleSyncKey,
} from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions, LegacyHost } from '../legacy-host/legacy-host.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { importSlice, type SliceInput } from '../load/import-slice.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';
import { type Attempt, type AttemptDependencies, attemptWork } from '../vehicle/attempt.ts';
import type { ImportDumpDependencies } from '../vehicle/import-dump.ts';
import type { OutlivedFiles } from '../vehicle/outlived-files.ts';
import { removeOutlivedFiles } from '../vehicle/remove-outlived-files.ts';
import { isExportedAgain } from '../vehicle/export-import-retry.ts';
import { mayStream } from '../vehicle/stream-range.ts';
import { transferToStaging } from '../vehicle/transfer-to-staging.ts';
import { type SliceContext, readSliceContext, workKeyOf } from './slice-context.ts';

export interface SliceDependencies extends AttemptDependencies, ImportDumpDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  outlived?: OutlivedFiles;
}

interface SliceWork {
  key: VehicleSyncKey;
  context: SliceContext;
  host: LegacyHost;
  attempt: Attempt;
}

/** What `tableSliceSync` asks for: the same stages that a vehicle's ranges go through, for a slice of a table. */
export function createSliceActivities(deps: SliceDependencies): SliceActivities {
  return {
    exportSlice: (slice) => exportSlice(deps, workKeyOf(slice), () => readSliceContext(deps.pool, slice)),
    loadSlice: ({ key, manifest }) =>
      loadSlice(deps, { key: workKeyOf(key), manifest }, () => readSliceContext(deps.pool, key)),
    cleanUpSlice: (slice) => cleanUpSlice(deps, workKeyOf(slice)),
    sliceWorkedMs: (slice) => deps.work.workedMs(workKeyOf(slice)),
  };
}

type Exported = Awaited<ReturnType<SliceActivities['exportSlice']>>;

async function exportSlice(
  deps: SliceDependencies,
  key: VehicleSyncKey,
  readContext: () => Promise<SliceContext>,
): Promise<Exported> {
  const context = await readContext();
  const host = deps.legacyHosts.of(context.server);
  return attemptWork(deps, { key, context }, async (attempt): Promise<Exported> => {
    const work = { key, context, host, attempt };
    const recorded = await readSliceLedger(deps.pool, key);
    if (recorded !== null) return recall(deps, work, recorded);
    await attempt.setStatus('exporting');
    const { atOnceBytes: streamMaxBytes } = slotBuffers(deps.settings());
    const limits = { streamMaxBytes, method: deps.settings().transferMethod, rangeRows: null };
    // A second attempt never streams: a file proves more and can be resumed, whatever went wrong with the stream.
    if (activityInfo().attempt === 1 && mayStream(context, limits)) return streamSlice(deps, work);
    try {
      const manifest = await host.exportToFile({
        ...optionsOf(deps, work),
        rangeRows: null,
        newRows: context.sync.plannedRows,
      });
      if (manifest === null) return { loaded: await importDump(deps, work, { manifest: null, dump: Buffer.alloc(0) }) };
      deps.faultPoint?.('export:done');
      return manifest;
    } finally {
      await removeOutlivedFiles(deps, host, key, sliceClaims.isClaimed);
    }
  });
}

/** An attempt that was killed after its COMMIT left files, and nothing else to do. */
async function recall(
  { staging }: SliceDependencies,
  { key, host, attempt }: SliceWork,
  loaded: RangeTotals,
): Promise<Exported> {
  await staging.remove(key);
  await host.removeFiles(key, attempt.signal);
  return { loaded };
}

function optionsOf(
  { faultPoint }: SliceDependencies,
  { key, context, attempt }: SliceWork,
): Omit<ExportOptions, 'rangeRows'> {
  const { signal, progress, queued } = attempt;
  return {
    vehicle: context.vehicle,
    tableColumns: context.tableColumns,
    engine: context.engine,
    only: context.only,
    final: context.final,
    runId: key.runId,
    cursor: context.fromId,
    frozenTo: context.toId,
    // A slice begins where the one before ends, and the first one with the overlap of the vehicles.
    overlapIds: 0,
    signal,
    onQueued: queued,
    onProgress: (bytes) => {
      faultPoint?.('export:started');
      progress.report(bytes);
    },
  };
}

async function streamSlice(deps: SliceDependencies, work: SliceWork): Promise<Exported> {
  const { context, host, attempt } = work;
  let begun = false;
  const onReceived = (bytes: number): void => {
    deps.faultPoint?.(begun ? 'transfer:half' : 'export:done');
    if (!begun) void attempt.setStatus('transferring');
    begun = true;
    attempt.progress.report(bytes);
  };
  const { onProgress: _, ...options } = optionsOf(deps, work);
  const streamed = await host.streamDump({ ...options, newRows: context.sync.plannedRows, onReceived });
  if (streamed === null) {
    throw new Failure(
      'NotStreamed',
      `Streaming ${context.label}: its dump is larger than legacy_sync.transfer.stream_max_bytes. It is exported to a file instead.`,
    );
  }
  const manifest = { ...streamed.manifest, rows: null };
  const loaded = await importDump(deps, work, { manifest, dump: streamed.content });
  deps.faultPoint?.('cleanup:half');
  return { loaded };
}

async function importDump(
  { importPool, settings, faultPoint, pace }: SliceDependencies,
  { key, context, attempt }: SliceWork,
  { manifest, dump }: Pick<SliceInput, 'manifest' | 'dump'>,
): Promise<RangeTotals> {
  const { signal, progress, setStatus } = attempt;
  const { readId, number, table, server, tableColumns, fromId, toId } = context;
  faultPoint?.('transfer:done');
  await setStatus('importing');
  return importSlice(
    { pool: importPool, ...(faultPoint && { faultPoint }) },
    {
      key,
      readId,
      number,
      table,
      server,
      tableColumns,
      manifest,
      fromId,
      toId,
      dump,
      settings: settings(),
      signal,
      pace,
      onProgress: (rows, bytes) => progress.report(bytes, rows),
    },
  );
}

async function loadSlice(
  deps: SliceDependencies,
  { key, manifest }: { key: VehicleSyncKey; manifest: ExportManifest },
  readContext: () => Promise<SliceContext>,
): Promise<RangeTotals | null> {
  const context = await readContext();
  const host = deps.legacyHosts.of(context.server);
  try {
    return await attemptWork(deps, { key, context }, async (attempt) => {
      const work = { key, context, host, attempt };
      const totals = (await readSliceLedger(deps.pool, key)) ?? (await transferAndImport(deps, work, manifest));
      await deps.staging.remove(key);
      deps.faultPoint?.('cleanup:half');
      await host.removeFiles(key, attempt.signal);
      return totals;
    });
  } catch (error) {
    await removeOutlivedFiles(deps, host, key, sliceClaims.isClaimed);
    if (!(error instanceof ApplicationFailure) || !isExportedAgain(error.type)) throw error;
    await Promise.all([deps.staging.remove(key), host.removeFiles(key)]);
    if (error.nonRetryable) throw error;
    return null;
  }
}

async function transferAndImport(
  deps: SliceDependencies,
  work: SliceWork,
  manifest: ExportManifest,
): Promise<RangeTotals> {
  const localFile = await transferToStaging(deps, work, manifest);
  return importDump(deps, work, { manifest, dump: localFile });
}

async function cleanUpSlice({ pool, legacyHosts, staging }: SliceDependencies, key: VehicleSyncKey): Promise<void> {
  await staging.remove(key);
  const serverId = await serverOfSlice(pool, { runId: key.runId, sliceId: key.vehicleId });
  if (serverId === null) return;
  const server = await readLegacyServer(pool, serverId);
  await legacyHosts.of(server).removeFiles(key, Context.current().cancellationSignal);
}
