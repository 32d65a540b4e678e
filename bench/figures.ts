import { plainTable } from '../src/cli/run-table.ts';
import type { CpuSeconds } from './cpu-seconds.ts';

export interface Measured {
  contender: string;
  /** Milliseconds of each round. */
  times: number[];
  /** The amount of work in a round, in the unit of the bench. */
  amount: number;
  limitedBy: string;
}

/** A contender whose CPU seconds were counted, round by round. */
export interface CpuMeasured extends Measured {
  cpu: CpuSeconds[];
}

/** A target for the ratio of two contenders' medians: how many times as fast as the other ours must be. */
export interface Target {
  name: string;
  ours: Measured | null;
  other: Measured | null;
  atLeast: number;
  hoped?: number;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Prints one line per contender: median, spread, rate, and how ours compares with it. `unit` is what `amount` counts. */
export function printMeasured(
  measured: Measured[],
  ours: Measured,
  rate: (one: Measured) => string,
  unit: string,
): void {
  const rows = measured.map((one) => [
    one.contender,
    (median(one.times) / 1_000).toFixed(2),
    one.times.length === 1
      ? '–'
      : `${(Math.min(...one.times) / 1_000).toFixed(2)}–${(Math.max(...one.times) / 1_000).toFixed(2)}`,
    rate(one),
    `${(median(one.times) / median(ours.times)).toFixed(2)} ×`,
  ]);
  console.log(`\n${plainTable(['contender', 'seconds', 'min–max', unit, 'ours is faster'], rows)}`);
  console.log('\nwhat limits each:');
  for (const { contender, limitedBy } of measured) console.log(`  ${contender}: ${limitedBy}`);
}

/** Returns how many targets were missed. */
export function printTargets(targets: Target[]): number {
  const rows = targets.map(({ name, ours, other, atLeast, hoped }) => {
    const wanted = `≥ ${atLeast} ×${hoped === undefined ? '' : ` (hoped for ${hoped} ×)`}`;
    if (ours === null || other === null) return [name, 'not measured', wanted, '–'];
    const ratio = median(other.times) / median(ours.times);
    return [name, `${ratio.toFixed(2)} ×`, wanted, ratio >= atLeast ? 'reached' : 'MISSED'];
  });
  console.log(`\n${plainTable(['target', 'measured', 'wanted', ''], rows)}`);
  return rows.filter((row) => row.at(-1) === 'MISSED').length;
}

/** Prints a target for the CPU time of a part of the machine: that for ours, as a share of that for the other. Returns 1 when it was missed. */
export function printCpuShare({
  part,
  ours,
  other,
  atMost,
}: {
  part: keyof CpuSeconds;
  ours: CpuMeasured | null;
  other: CpuMeasured | null;
  atMost: number;
}): number {
  if (ours === null || other === null) return 0;
  const seconds = (one: CpuMeasured): number => median(one.cpu.map((round) => round[part]));
  const share = seconds(ours) / seconds(other);
  console.log(
    `\n${part}: ${seconds(ours).toFixed(2)} CPU s for ${ours.contender}, ${seconds(other).toFixed(2)} for ${other.contender}: ` +
      `${share.toFixed(2)} of it (wanted ≤ ${atMost}: ${share <= atMost ? 'reached' : 'MISSED'})`,
  );
  return share <= atMost ? 0 : 1;
}
