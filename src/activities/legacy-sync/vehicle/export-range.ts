import type pg from 'pg';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ExportManifest, VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { type AttemptDependencies, attemptWork } from './attempt.ts';
import { type VehicleContext, readVehicleContext } from './vehicle-context.ts';

export interface ExportDependencies extends AttemptDependencies {
  pool: pg.Pool;
  settings: () => LegacySyncSettings;
  legacyHosts: LegacyHosts;
}

/** Dumps the next range of the vehicle to a verified file on its legacy host. A complete file of an earlier attempt is taken as it is. */
export function createExportRange(deps: ExportDependencies): VehicleActivities['exportRange'] {
  return async (key) => {
    const context = await readVehicleContext(deps.pool, key);
    if (BigInt(context.sync.cursor) >= BigInt(context.sync.frozenTo)) return null;
    return attemptWork(
      deps,
      key,
      context,
      async ({ signal, progress, queued, setStatus }): Promise<ExportManifest | null> => {
        await setStatus('exporting');
        const host = deps.legacyHosts.of(context.server);
        const manifest = await host.exportRange({
          vehicle: context.vehicle,
          tableColumns: context.tableColumns,
          runId: key.runId,
          cursor: context.sync.cursor,
          frozenTo: context.sync.frozenTo,
          rangeRows: rangeRows(context, deps.settings()),
          signal,
          onQueued: queued,
          onProgress: (bytes) => {
            deps.faultPoint?.('export:started');
            progress.report(bytes);
          },
        });
        // Nothing will be loaded, so nothing else removes the directory that the look made.
        if (manifest === null) await host.removeFiles(key, signal);
        deps.faultPoint?.('export:done');
        return manifest;
      },
    );
  };
}

function rangeRows({ sync }: VehicleContext, settings: LegacySyncSettings): number {
  return sync.rangeRows ?? settings.rangeRows;
}
