import { activityInfo } from '@temporalio/activity';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { VehicleActivities, VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { ExportOptions } from '../legacy-host/legacy-host.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { type Attempt, type AttemptDependencies, attemptWork } from './attempt.ts';
import { type FetchDependencies, type RangeResult, fetchRange, isSmall, recallRange } from './fetch-range.ts';
import { leaveNothing } from './leave-nothing.ts';
import { type VehicleContext, readVehicleContext } from './vehicle-context.ts';

export interface ExportDependencies extends AttemptDependencies, FetchDependencies {
  legacyHosts: LegacyHosts;
}

/**
 * Dumps the next range of the vehicle to a verified file on its legacy host, where a complete file of an earlier attempt is taken as it is.
 * A range that is small is brought into PostgreSQL in the same go, without a file.
 */
export function createExportRange(deps: ExportDependencies): VehicleActivities['exportRange'] {
  return async (key) => {
    const context = await readVehicleContext(deps.pool, key);
    const host = deps.legacyHosts.of(context.server);
    const { cursor, frozenTo } = context.sync;
    return attemptWork(deps, key, context, async (attempt): Promise<RangeResult> => {
      if (BigInt(cursor) >= BigInt(frozenTo)) return recallRange(deps, host, context, key, attempt.signal);
      await attempt.setStatus('exporting');
      const settings = deps.settings();
      const options = exportOptions(deps, context, key, attempt);
      const limits = {
        atOnceBytes: settings.atOnceBytes,
        method: settings.transferMethod,
        rangeRows: options.rangeRows,
      };
      // Whatever went wrong with a stream: the next attempt takes the way that proves more and can be resumed.
      if (activityInfo().attempt === 1 && isSmall(context, limits)) {
        return fetchRange(deps, host, context, key, options, attempt);
      }
      try {
        const exported = await host.exportRange(options);
        if (exported !== null) deps.faultPoint?.('export:done');
        return exported;
      } finally {
        await leaveNothing(deps, host, key);
      }
    });
  };
}

function exportOptions(
  { settings, faultPoint }: ExportDependencies,
  context: VehicleContext,
  { runId }: VehicleSyncKey,
  { signal, progress, queued }: Attempt,
): ExportOptions {
  const { vehicle, tableColumns, sync } = context;
  return {
    vehicle,
    tableColumns,
    runId,
    cursor: sync.cursor,
    frozenTo: sync.frozenTo,
    rangeRows: rangeRows(context, settings()),
    overlapIds: overlapIds(context, settings()),
    signal,
    onQueued: queued,
    onProgress: (bytes) => {
      faultPoint?.('export:started');
      progress.report(bytes);
    },
  };
}

/** null where planning counted all that is left, and no more than fits into one range. */
function rangeRows({ sync }: VehicleContext, settings: LegacySyncSettings): number | null {
  const limit = sync.rangeRows ?? settings.rangeRows;
  return sync.rows === 0 && !sync.capped && sync.plannedRows <= limit ? null : limit;
}

/**
 * Transactions that commit late do so near the table's head. What lies further below the head of that time was settled when it was read:
 * reading it again, range for range, would only keep a large backlog from getting on.
 */
function overlapIds({ sync }: VehicleContext, settings: LegacySyncSettings): number {
  if (sync.cursorHead === null) return settings.overlapIds;
  const belowHead = BigInt(sync.cursorHead) - BigInt(sync.cursor);
  return belowHead < 0n ? settings.overlapIds : Math.max(0, settings.overlapIds - Number(belowHead));
}
