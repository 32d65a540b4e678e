import { quantile } from './quantiles.ts';
import type { SampledFix } from './sampled-fix.ts';

export interface ClockFinding {
  /** Seconds that the fixes' times are ahead of the times of receipt; 0: they agree; null: nothing tells. */
  aheadSeconds: number | null;
  why: string;
}

/** Offsets of zones are whole quarters of an hour. */
const QUARTER = 900;
const FEWEST = 30;
/** Most fixes take less time than this on their way. Where they take more, nothing can be said. */
const LONGEST_WAY = 300;

/**
 * Finds by the server's own times of receipt whether the fixes' times were read in another zone than they were written in. A fix can be late but
 * never early, so only the quickest are looked at: a wrong zone puts them off by a whole number of quarters of an hour.
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
  // Returns 0, and never -0.
  const aheadSeconds = shift === 0 ? 0 : -shift;
  if (aheadSeconds === 0) return { aheadSeconds, why: 'times of fixes and of receipt agree' };
  const hours = Math.abs(aheadSeconds) / 3600;
  return {
    aheadSeconds,
    why: `the fixes' times are ${hours} h ${aheadSeconds > 0 ? 'ahead of' : 'behind'} the times of receipt`,
  };
}
