import type { Cost, PastForecast } from '../records/forecasts.ts';

/** A vehicle or slice that was completed. */
export interface Taken {
  rows: number;
  ms: number;
}

/** The share of all learned before that is kept when one more item is learned from. After a hundred items a third is left. */
const KEPT = 0.99;
/** How many samples the estimate itself weighs, so that samples of one size leave the split between fixed part and rows where it was. */
const HELD = 0.1;
/** A week, and more rows than a table has. Larger numbers come from a clock that jumped. */
const MOST = { ms: 7 * 86_400_000, rows: 1e12, perRowMs: 60_000 };

/** What is taken for granted before anything was seen; the first sample scales it. Record 24 measured these on two cores. */
export const UNSEEN_COST: Cost = { fixedMs: 105, perRowMs: 0.0157, samples: 0, squares: [0, 0, 0], products: [0, 0] };

export const expectedMs = ({ fixedMs, perRowMs }: Pick<Cost, 'fixedMs' | 'perRowMs'>, rows: number): number =>
  fixedMs + perRowMs * rows;

/**
 * Makes one step of recursive least squares with forgetting, for ms = fixed + perRow × rows. Errors are relative to the expectation, so that a
 * vehicle of a million rows does not outweigh a thousand small ones. Pure; neither part is ever negative or without bounds.
 */
export function learn(before: Cost, told: Taken): Cost {
  if (!(told.rows >= 0 && told.ms >= 0)) return before;
  const [rows, ms] = [Math.min(told.rows, MOST.rows), Math.min(told.ms, MOST.ms)];
  const cost = before.samples === 0 ? scaled(before, { rows, ms }) : before;
  const expected = Math.max(1, expectedMs(cost, rows));
  // When far too little was expected, the error is relative to the time that was taken. Else a first item would outweigh all that follow, and later
  // one that waited for a server would.
  const weight = 1 / Math.max(expected, ms / 2) ** 2;
  const kept = before.samples === 0 ? 0 : KEPT;
  const [ones, mixed, squared] = cost.squares;
  const sizeSquared = ones > 0 ? Math.max(1, squared / ones) : Math.max(1, rows * rows);
  const held = HELD * (1 - kept) * weight;
  const squares: Cost['squares'] = [
    kept * ones + weight + held,
    kept * mixed + weight * rows,
    kept * squared + weight * rows * rows + held * sizeSquared,
  ];
  const products: Cost['products'] = [
    kept * cost.products[0] + weight * ms + held * cost.fixedMs,
    kept * cost.products[1] + weight * rows * ms + held * sizeSquared * cost.perRowMs,
  ];
  return { ...solve(squares, products), samples: before.samples + 1, squares, products };
}

function scaled(cost: Cost, { rows, ms }: Taken): Cost {
  const times = Math.max(1, ms) / Math.max(1, expectedMs(cost, rows));
  return { ...cost, fixedMs: cost.fixedMs * times, perRowMs: cost.perRowMs * times };
}

/** Finds the best two numbers that are not negative. If one would be negative, it is 0 and the other is fitted alone. */
function solve([ones, mixed, squared]: Cost['squares'], [sum, product]: Cost['products']) {
  const determinant = ones * squared - mixed * mixed;
  let fixedMs = (squared * sum - mixed * product) / determinant;
  let perRowMs = (ones * product - mixed * sum) / determinant;
  if (!(perRowMs >= 0)) [fixedMs, perRowMs] = [sum / ones, 0];
  if (!(fixedMs >= 0)) [fixedMs, perRowMs] = [0, product / squared];
  return { fixedMs: Math.min(fixedMs, MOST.ms), perRowMs: Math.min(perRowMs, MOST.perRowMs) };
}

/** Fewer samples of a server and unit say too little to decide anything by. */
const KNOWN_AFTER = 5;

export const isKnown = ({ samples }: Cost): boolean => samples >= KNOWN_AFTER;

/** Without enough runs to tell, one in ten is taken to last longer than this many times the expectation. */
const SPREAD = 2;
/** A run that took more than this many times its expectation has waited for something: for a server that was away, or for a worker. */
const MOST_SPREAD = 8;

/**
 * p90 over p50, by how earlier runs of the same selection took. It needs no assumption about how errors are spread: of n errors, it is the one that n + 1
 * would have nine tenths below.
 */
export function spreadOf(past: readonly PastForecast[]): number {
  const errors = past.map(({ p50Ms, actualMs }) => actualMs / Math.max(1, p50Ms)).toSorted((a, b) => a - b);
  const place = Math.ceil(0.9 * (errors.length + 1));
  const found = errors[place - 1] ?? Math.max(SPREAD, errors.at(-1) ?? 0);
  return Math.min(Math.max(1, found), MOST_SPREAD);
}
