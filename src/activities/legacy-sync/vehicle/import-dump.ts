import type pg from 'pg';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { RangeTotals } from '../../../workflows/legacy-sync/activities.ts';
import { type ImportInput, importRange } from '../load/import-range.ts';
import type { RangeWork } from './range-work.ts';

export interface ImportDumpDependencies {
  /** Connections for imports only, so that a claim never waits behind a COPY. */
  importPool: pg.Pool;
  settings: () => LegacySyncSettings;
  pace?: ImportInput['pace'];
  faultPoint?: (name: string) => void;
}

/** The last stage of a range: imports its dump, which has been transferred and verified, into PostgreSQL. */
export async function importDump(
  { importPool, settings, faultPoint, pace }: ImportDumpDependencies,
  { key, context, attempt }: RangeWork,
  range: Pick<ImportInput, 'manifest' | 'counted' | 'dump'>,
): Promise<RangeTotals> {
  const { signal, progress, setStatus } = attempt;
  faultPoint?.('transfer:done');
  await setStatus('importing');
  return importRange(
    { pool: importPool, ...(faultPoint && { faultPoint }) },
    {
      ...range,
      key,
      context,
      settings: settings(),
      signal,
      pace,
      onProgress: (rows, bytes) => progress.report(bytes, rows),
    },
  );
}
