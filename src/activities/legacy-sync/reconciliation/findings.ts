import type { DayDifferences } from './compare-rows.ts';

interface Compared {
  watermark: string;
  /** The highest ids; 0: none. */
  sourceHighest: string;
  targetHighest: string;
  differences: readonly DayDifferences[];
}

/** What the differences of a vehicle come from, as far as it shows. */
export function findingsOf({ watermark, sourceHighest, targetHighest, differences }: Compared): string[] {
  const findings: string[] = [];
  const [seen, source, target] = [BigInt(watermark), BigInt(sourceHighest), BigInt(targetHighest)];
  if (source < seen && source < target)
    findings.push(
      `the source ends at id ${source}, below the watermark ${seen}: rows were removed at its end, or an older backup of it was restored`,
    );
  if (target > seen)
    findings.push(
      `positions go up to id ${target}, above the watermark ${seen}: the watermark was set back, and the next sync reads those rows again`,
    );
  const lost = differences.some(({ missing }) => missing.some((id) => BigInt(id) > target));
  if (target < seen && lost)
    findings.push(
      `positions end at id ${target}, below the watermark ${seen}: rows were lost here, and no delta reads them again`,
    );
  return findings;
}
