import { Failure } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { QuarantinedRow } from '../dump/row-intake.ts';

/** Counts the bad rows of a range and keeps the first of them. */
export interface QuarantineWatch {
  /** @throws Failure QuarantineThresholdExceeded as soon as the range has too many */
  see(rows: readonly QuarantinedRow[]): void;
  /** @throws the same, for a range of which it is known only now how many rows it has */
  conclude(rangeRows: number): void;
  /** The range is read once more from its beginning. */
  restart(): void;
  /** The first bad rows, for an operator to look at when the range as a whole is refused. */
  readonly sample: readonly QuarantinedRow[];
}

const SAMPLE_ROWS = 100;
const SAMPLE_BYTES = 8 * 1024 * 1024;

export function createQuarantineWatch(
  vehicleId: string,
  rangeRows: number | null,
  settings: Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows'>,
): QuarantineWatch {
  const sample: QuarantinedRow[] = [];
  const reasons = new Map<string, number>();
  let count = 0;
  let bytes = 0;

  function judge(rows: number): void {
    const percent = (100 * count) / rows;
    if (count === 0 || count < settings.quarantineMinRows || percent <= settings.quarantineMaxPercent) return;
    const found = [...reasons].map(([reason, times]) => `${reason} ${times}`).join(', ');
    throw new Failure(
      'QuarantineThresholdExceeded',
      `Importing positions of vehicle ${vehicleId}: at least ${count} of ${rows} rows are bad (${found}), more than ` +
        `${settings.quarantineMaxPercent} %. Nothing was imported. Look at them (fleetgraph quarantine list), correct the column mapping or ` +
        'the value policy of the legacy server, or raise legacy_sync.quarantine.max_percent.',
    );
  }

  return {
    sample,
    conclude: judge,
    restart() {
      sample.length = count = bytes = 0;
      reasons.clear();
    },
    see(rows) {
      for (const row of rows) {
        count++;
        reasons.set(row.reason, (reasons.get(row.reason) ?? 0) + 1);
        if (sample.length >= SAMPLE_ROWS || bytes + row.raw.length > SAMPLE_BYTES) continue;
        bytes += row.raw.length;
        sample.push(row);
      }
      if (rangeRows !== null) judge(rangeRows);
    },
  };
}
