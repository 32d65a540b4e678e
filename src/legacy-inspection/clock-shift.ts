import { quantile } from './robust.ts';
import type { SampledFix } from './sampled-fix.ts';

export interface ClockFinding {
  /** Seconds that the fixes' times are ahead of the times of receipt; 0: they agree; null: nothing tells. */
  aheadSeconds: number | null;
  why: string;
}

/** Offsets of zones are whole quarters of an hour. */
const QUARTER = 900;
const FEWEST = 30;
/** What most fixes take on their way is less than this, or nothing can be said. */
const LONGEST_WAY = 300;

/**
 * Whether the fixes' times were read in another zone than they were written in, by the server's own times of receipt. A fix can be late and never
 * early, so the quickest are looked at: they lie a whole number of quarters of an hour away from what they should be.
 */
export function clockShift(fixes: readonly SampledFix[]): ClockFinding {
  const ways = fixes.flatMap(({ seconds, receivedSeconds }) =>
    receivedSeconds === null ? [] : [receivedSeconds - seconds],
  );
  if (ways.length < FEWEST)
    return { aheadSeconds: null, why: `${ways.length} rows with a time of receipt are too few` };
  const [quick, middle] = [quantile(ways, 0.1), quantile(ways, 0.5)];
  const shift = Math.round(quick / QUARTER) * QUARTER;
  const rest = quick - shift;
  if (middle - quick > LONGEST_WAY || Math.abs(rest) > LONGEST_WAY) {
    return { aheadSeconds: null, why: 'the times of receipt follow the fixes by too different times to tell' };
  }
  // A shift of nothing is not minus nothing.
  const aheadSeconds = shift === 0 ? 0 : -shift;
  if (aheadSeconds === 0) return { aheadSeconds, why: 'times of fixes and of receipt agree' };
  const hours = Math.abs(aheadSeconds) / 3600;
  return {
    aheadSeconds,
    why: `the fixes' times are ${hours} h ${aheadSeconds > 0 ? 'ahead of' : 'behind'} the times of receipt`,
  };
}
