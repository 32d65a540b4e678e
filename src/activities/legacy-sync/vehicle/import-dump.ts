import type pg from 'pg';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { RangeTotals } from '../../../workflows/legacy-sync/activities.ts';
import { type ImportInput, importRange } from '../load/import-range.ts';
import type { Attempt } from './attempt.ts';
import type { VehicleContext } from './vehicle-context.ts';

export interface ImportDumpDependencies {
  /** Connections for imports only, so that a claim never waits behind a COPY. */
  importPool: pg.Pool;
  settings: () => LegacySyncSettings;
  faultPoint?: (name: string) => void;
}

/** The last stage of a range: its dump, which is here and proved, goes into PostgreSQL. */
export async function importDump(
  { importPool, settings, faultPoint }: ImportDumpDependencies,
  context: VehicleContext,
  range: Pick<ImportInput, 'key' | 'manifest' | 'counted' | 'dump'>,
  { signal, progress, setStatus }: Attempt,
): Promise<RangeTotals> {
  faultPoint?.('transfer:done');
  await setStatus('importing');
  return importRange(
    { pool: importPool, ...(faultPoint && { faultPoint }) },
    {
      ...range,
      context,
      settings: settings(),
      signal,
      onProgress: (rows, bytes) => progress.report(bytes, rows),
    },
  );
}
