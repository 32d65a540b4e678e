import type pg from 'pg';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { VehicleActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { importRange } from '../load/import-range.ts';
import type { LocalStaging } from '../load/local-staging.ts';
import { type AttemptDependencies, attemptWork } from './attempt.ts';
import { readVehicleContext } from './vehicle-context.ts';

export interface LoadDependencies extends AttemptDependencies {
  pool: pg.Pool;
  /** Connections for imports only, so that a claim never waits behind a COPY. */
  importPool: pg.Pool;
  settings: () => LegacySyncSettings;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
}

/**
 * Brings one exported range into PostgreSQL: transfer, import, then both copies of the file are removed. A retry on this host goes on
 * with the part of the file that is here; on another host it transfers again.
 */
export function createLoadRange(deps: LoadDependencies): VehicleActivities['loadRange'] {
  return async ({ key, manifest }) => {
    const context = await readVehicleContext(deps.pool, key);
    const host = deps.legacyHosts.of(context.server);
    return attemptWork(deps, key, context, async ({ signal, progress, queued, setStatus }) => {
      await setStatus('transferring');
      const localFile = await deps.staging.fileFor(key, manifest);
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
      deps.faultPoint?.('transfer:done');
      await setStatus('importing');
      const totals = await importRange(
        { pool: deps.importPool, ...(deps.faultPoint && { faultPoint: deps.faultPoint }) },
        {
          key,
          manifest,
          localFile,
          context,
          settings: deps.settings(),
          signal,
          onProgress: (rows, bytes) => progress.report(bytes, rows),
        },
      );
      // The last range takes the directories with it: whatever is left there would wait for the janitor.
      await (manifest.last ? deps.staging.remove(key) : deps.staging.removeFile(localFile));
      deps.faultPoint?.('cleanup:half');
      await (manifest.last ? host.removeFiles(key, signal) : host.removeFile(manifest, signal));
      return totals;
    });
  };
}
