import { WITHOUT_FIX } from '../dump/quarantine-reason.ts';
import { Failure } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { SlotBuffers } from '../../../settings/slot-buffers.ts';
import type { RefusedRow } from '../../../records/quarantine.ts';

/** Counts the bad rows of a range and keeps the first of them. */
export interface QuarantineWatch {
  /** @throws Failure QuarantineThresholdExceeded as soon as the range has too many */
  see(rows: readonly RefusedRow[]): void;
  /** @throws the same, for a range whose number of rows is known only now; `skipped` of them had no fix and are kept nowhere */
  conclude(rangeRows: number, skipped: number): void;
  /** To be called before the range is read again from its beginning. */
  restart(): void;
  /** The first bad rows, for an operator to look at when the range as a whole is refused. */
  readonly sample: readonly RefusedRow[];
}

const SAMPLE_ROWS = 100;

export interface QuarantineLimits
  extends Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows'>,
    Pick<SlotBuffers, 'sampleBytes'> {
  /** The server's own limit for rows without a fix; without one they count like any other bad row. */
  withoutFixMaxPercent?: number | undefined;
}

export function createQuarantineWatch(
  vehicleId: string,
  rangeRows: number | null,
  { quarantineMaxPercent, quarantineMinRows, withoutFixMaxPercent, sampleBytes }: QuarantineLimits,
): QuarantineWatch {
  const sample: RefusedRow[] = [];
  const reasons = new Map<string, number>();
  let count = 0;
  let withoutFix = 0;
  let bytes = 0;

  function judge(rows: number): void {
    const exceeds = (bad: number, most: number): boolean =>
      bad > 0 && bad >= quarantineMinRows && (100 * bad) / rows > most;
    const found = [...reasons].map(([reason, times]) => `${reason} ${times}`).join(', ');
    if (exceeds(count, quarantineMaxPercent)) {
      throw new Failure(
        'QuarantineThresholdExceeded',
        `Importing positions of vehicle ${vehicleId}: at least ${count} of ${rows} rows are bad (${found}), more than ` +
          `${quarantineMaxPercent} %. Nothing was imported. Look at them (fleetgraph quarantine list), correct the column mapping or ` +
          'the value policy of the legacy server, or raise legacy_sync.quarantine.max_percent.',
      );
    }
    if (withoutFixMaxPercent !== undefined && exceeds(withoutFix, withoutFixMaxPercent)) {
      throw new Failure(
        'QuarantineThresholdExceeded',
        `Importing positions of vehicle ${vehicleId}: at least ${withoutFix} of ${rows} rows have no fix (${found}), more than ` +
          `${withoutFixMaxPercent} %. Nothing was imported. Look at them (fleetgraph quarantine list), correct the coordinates in the column ` +
          'mapping, or raise values.withoutFixMaxPercent of the legacy server.',
      );
    }
  }

  return {
    sample,
    conclude(rows, skipped) {
      withoutFix += skipped;
      if (skipped > 0) reasons.set('skipped', skipped);
      judge(rows);
    },
    restart() {
      sample.length = count = withoutFix = bytes = 0;
      reasons.clear();
    },
    see(rows) {
      for (const row of rows) {
        if (withoutFixMaxPercent !== undefined && WITHOUT_FIX.has(row.reason)) withoutFix++;
        else count++;
        reasons.set(row.reason, (reasons.get(row.reason) ?? 0) + 1);
        if (sample.length >= SAMPLE_ROWS || bytes + row.raw.length > sampleBytes) continue;
        bytes += row.raw.length;
        sample.push(row);
      }
      if (rangeRows !== null) judge(rangeRows);
    },
  };
}
