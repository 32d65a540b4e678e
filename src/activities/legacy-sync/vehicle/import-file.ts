import type pg from 'pg';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { LoadInput, RangeTotals } from '../../../workflows/legacy-sync/activities.ts';
import { importRange } from '../load/import-range.ts';
import type { Attempt } from './attempt.ts';
import type { VehicleContext } from './vehicle-context.ts';

export interface ImportFileDependencies {
  /** Connections for imports only, so that a claim never waits behind a COPY. */
  importPool: pg.Pool;
  settings: () => LegacySyncSettings;
  faultPoint?: (name: string) => void;
}

/** The last stage of a range: its file, which is here and proved, goes into PostgreSQL. */
export async function importFile(
  { importPool, settings, faultPoint }: ImportFileDependencies,
  context: VehicleContext,
  { key, manifest, localFile }: LoadInput & { localFile: string },
  { signal, progress, setStatus }: Attempt,
): Promise<RangeTotals> {
  faultPoint?.('transfer:done');
  await setStatus('importing');
  return importRange(
    { pool: importPool, ...(faultPoint && { faultPoint }) },
    {
      key,
      manifest,
      localFile,
      context,
      settings: settings(),
      signal,
      onProgress: (rows, bytes) => progress.report(bytes, rows),
    },
  );
}
