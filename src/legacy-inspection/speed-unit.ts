import { SPEED_UNITS, type SpeedUnit } from '../settings/units.ts';
import { median, medianError } from './quantiles.ts';
import { type FixPair, metresBetween, pairsOf, type SampledFix } from './sampled-fix.ts';

export interface SpeedUnitFinding {
  unit: SpeedUnit | 'unsure';
  /** km/h that a stored 1 stands for, as the ways between the fixes have it; null when nothing could be measured. */
  kmhPerOne: number | null;
  /** Ways between fixes that it was measured on. */
  legs: number;
  /** For people: what was found, or what keeps it from being sure. */
  why: string;
}

const FEWEST_LEGS = 100;
const LEGS_PER_BLOCK = 20;
/** Half of the way between mph and knots, the two that are nearest to each other, as a logarithm. */
const WIDEST = Math.log(SPEED_UNITS.knots / SPEED_UNITS.mph) / 2;
/** The nearest unit has to be nearer than the next by this much. What streets and receivers do to the measure is no chance, and does not average out. */
const CLEAR = 0.05;
/** The straight line is shorter than the street, so the measured factor is usually too small by this much. */
const STREETS = 1.02;

/**
 * Finds the unit of the reported speeds by the ways between consecutive fixes. For each block of ways it divides their length by the sum of speed
 * times seconds: a single ratio is wild when a bus stops in between, and a sum is not. The median over the blocks is the factor, so that a few wrong
 * fixes do not move it. The unit is sure only when the next one is further away than chance explains.
 */
export function speedUnit(fixes: readonly SampledFix[]): SpeedUnitFinding {
  const reporting = pairsOf(fixes).filter(({ before, after }) => before.speed !== null && after.speed !== null);
  const legs = legsOf(reporting).filter(({ metres, reported }) => reported > 0 || metres > SHORTEST_LEG);
  const ratios = blockRatios(legs);
  if (legs.length < FEWEST_LEGS || ratios.length < FEWEST_LEGS / LEGS_PER_BLOCK / 2) {
    const why = `${legs.length} ways between fixes with a speed are too few, ${FEWEST_LEGS} would tell`;
    return { unit: 'unsure', kmhPerOne: null, legs: legs.length, why };
  }
  const logs = ratios.map((ratio) => Math.log(ratio * STREETS));
  const found = median(logs);
  const error = medianError(logs);
  const kmhPerOne = Math.exp(found);
  const [best, next] = Object.entries(SPEED_UNITS)
    .map(([unit, factor]) => ({ unit: unit as SpeedUnit, off: Math.abs(found - Math.log(factor)) }))
    .sort((a, b) => a.off - b.off);
  const measured = `a reported 1 is ${kmhPerOne.toFixed(2)} km/h (± ${(100 * 2 * error).toFixed(0)} %) by ${legs.length} ways between fixes`;
  const sure = best!.off < WIDEST && next!.off - best!.off > Math.max(6 * error, CLEAR);
  return sure
    ? {
        unit: best!.unit,
        kmhPerOne,
        legs: legs.length,
        why: `${measured}, and 1 ${best!.unit} is ${SPEED_UNITS[best!.unit]}`,
      }
    : {
        unit: 'unsure',
        kmhPerOne,
        legs: legs.length,
        why: `${measured}, which is near to no unit, or not nearer to one than to another`,
      };
}

interface Leg {
  metres: number;
  seconds: number;
  /** Sum of reported speed times seconds. */
  reported: number;
}

/** A receiver is some metres off: on shorter ways it would seem to drive where it stands. */
const SHORTEST_LEG = 80;
const LONGEST_LEG_SECONDS = 120;

/** Fixes that follow each other closely are taken together. */
function legsOf(pairs: readonly FixPair[]): Leg[] {
  const legs: Leg[] = [];
  let first = pairs[0]?.before;
  let [seconds, reported] = [0, 0];
  pairs.forEach((pair, index) => {
    if (index > 0 && pairs[index - 1]!.after !== pair.before) [first, seconds, reported] = [pair.before, 0, 0];
    seconds += pair.seconds;
    reported += ((pair.before.speed! + pair.after.speed!) / 2) * pair.seconds;
    const metres = metresBetween(first!, pair.after);
    if (metres < SHORTEST_LEG && seconds < LONGEST_LEG_SECONDS) return;
    legs.push({ metres, seconds, reported });
    [first, seconds, reported] = [pair.after, 0, 0];
  });
  return legs;
}

function blockRatios(legs: readonly Leg[]): number[] {
  const ratios: number[] = [];
  for (let at = 0; at + LEGS_PER_BLOCK / 2 <= legs.length; at += LEGS_PER_BLOCK) {
    let [way, reported] = [0, 0];
    for (const leg of legs.slice(at, at + LEGS_PER_BLOCK)) {
      way += leg.metres;
      reported += leg.reported;
    }
    if (way > 0 && reported > 0) ratios.push((way / reported) * 3.6);
  }
  return ratios;
}
