import { activityInfo } from '@temporalio/activity';
import { overlapOf } from '../../../settings/overlap.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { slotBuffers } from '../../../settings/slot-buffers.ts';
import type { VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions } from '../legacy-host/legacy-host.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { type AttemptDependencies, attemptWork } from './attempt.ts';
import { type StreamDependencies, type RangeResult, streamRange, mayStream, recallRange } from './stream-range.ts';
import type { RangeWork } from './range-work.ts';
import type { OutlivedFiles } from './outlived-files.ts';
import { removeOutlivedFiles } from './remove-outlived-files.ts';
import { type VehicleContext, readVehicleContext } from '../vehicle-context.ts';

export interface ExportDependencies extends AttemptDependencies, StreamDependencies {
  legacyHosts: LegacyHosts;
  outlived?: OutlivedFiles;
}

/**
 * Dumps the next range of the vehicle to a verified file on its legacy host; a complete file of an earlier attempt is used as it is.
 * A small range is streamed into PostgreSQL instead, without a file.
 */
export function createExportRange(deps: ExportDependencies): VehicleActivities['exportRange'] {
  return async (key) => {
    const context = await readVehicleContext(deps.pool, key);
    const host = deps.legacyHosts.of(context.server);
    const { cursor, frozenTo } = context.sync;
    return attemptWork(deps, { key, context }, async (attempt): Promise<RangeResult> => {
      const work = { key, context, host, attempt };
      if (BigInt(cursor) >= BigInt(frozenTo)) return recallRange(deps, work);
      await attempt.setStatus('exporting');
      const settings = deps.settings();
      const options = exportOptions(deps, work);
      const limits = {
        streamMaxBytes: slotBuffers(settings).atOnceBytes,
        method: settings.transferMethod,
        rangeRows: options.rangeRows,
      };
      // A second attempt never streams: a file proves more and can be resumed, whatever went wrong with the stream.
      if (activityInfo().attempt === 1 && mayStream(context, limits)) {
        return streamRange(deps, work, options);
      }
      try {
        const exported = await host.exportToFile(options);
        if (exported !== null) deps.faultPoint?.('export:done');
        return exported;
      } finally {
        await removeOutlivedFiles(deps, host, key);
      }
    });
  };
}

function exportOptions(
  { settings, faultPoint }: ExportDependencies,
  { key, context, attempt }: RangeWork,
): ExportOptions {
  const { signal, progress, queued } = attempt;
  const { vehicle, tableColumns, engine, sync } = context;
  return {
    vehicle,
    tableColumns,
    engine,
    runId: key.runId,
    cursor: sync.cursor,
    frozenTo: sync.frozenTo,
    rangeRows: rangeRows(context, settings()),
    overlapIds: overlapIds(context, settings()),
    newRows: Math.max(1, sync.plannedRows - sync.rows),
    signal,
    onQueued: queued,
    onProgress: (bytes) => {
      faultPoint?.('export:started');
      progress.report(bytes);
    },
  };
}

/** null when planning has counted all rows that are left, and they fit into one range. */
function rangeRows({ sync }: VehicleContext, settings: LegacySyncSettings): number | null {
  const limit = sync.rangeRows ?? settings.rangeRows;
  return sync.rows === 0 && !sync.capped && sync.plannedRows <= limit ? null : limit;
}

/**
 * Transactions commit late only near the table's head. Rows further below the head of that time were final when they were read, so a
 * large backlog does not read them again with each range.
 */
function overlapIds({ sync, server }: VehicleContext, settings: LegacySyncSettings): number {
  const overlap = overlapOf(server.columns, settings);
  if (sync.cursorHead === null) return overlap;
  const belowHead = BigInt(sync.cursorHead) - BigInt(sync.cursor);
  return belowHead < 0n ? overlap : Math.max(0, overlap - Number(belowHead));
}
