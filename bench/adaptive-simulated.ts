import { plainTable } from '../src/cli/run-table.ts';
import { SLOW_START, recordEnd } from '../src/pool/adaptive-limit.ts';
import { type SimulatedEnd, type SimulatedHost, randomFrom, simulate } from '../test/pool/simulated-host.ts';

export const SIMULATED = { seeds: 100, items: 300 };

const MOST = 16;
const KNEES = [1, 2, 4, 9];
const SLOW = { none: 0, oneInTen: 0.1 };
const AT_LEAST = 0.95;
/** Completed vehicles after which the limit should be within one of the knee. */
const SETTLED_AFTER = 30;
/** The knee moves after so many vehicles, and is to be followed within as many. */
const MOVES = [
  { from: 9, to: 4, after: 60, within: 60 },
  { from: 4, to: 2, after: 60, within: 40 },
  { from: 2, to: 4, after: 60, within: 60 },
  { from: 4, to: 9, after: 60, within: 100 },
];

const HOST: SimulatedHost = { knee: 1, noise: 0.3, slow: 0, slowBy: 4, fixedMs: 100, perRowMs: 0.01 };

interface Trial {
  seed: number;
  items: number;
  slow: number;
  /** The knee when so many vehicles have ended. */
  kneeAt: (ended: number) => number;
}

/** What says the limit: at first, and after each vehicle. */
interface Limiter {
  atFirst: number;
  after: (end: SimulatedEnd) => number;
}

interface Course {
  /** Of all vehicles, and of those after the first SETTLED_AFTER. */
  rowsPerSecond: { all: number; settled: number };
  /** After each vehicle. */
  limits: number[];
}

const fixed = (limit: number): Limiter => ({ atFirst: limit, after: () => limit });

function adapting(): Limiter {
  let state = SLOW_START;
  return {
    atFirst: state.limit,
    after: (end) => {
      state = recordEnd(state, { code: null, ...end }, { now: end.now, most: MOST }).state;
      return state.limit;
    },
  };
}

/** The same seed is the same vehicles in the same order, whatever the limit. */
function courseOf({ seed, items, slow, kneeAt }: Trial, limiter: Limiter): Course {
  const random = randomFrom(seed * 7_919);
  const host = { ...HOST, slow, knee: kneeAt(0) };
  const limits: number[] = [];
  const sum = { rows: 0, ms: 0 };
  let early = sum;
  simulate(host, {
    random,
    ends: items,
    atFirst: limiter.atFirst,
    rowsOf: () => Math.round(10 ** (2 + 3 * random())),
    onEnd: (end, index) => {
      sum.rows += end.rows;
      sum.ms = end.now;
      if (index + 1 === SETTLED_AFTER) early = { ...sum };
      host.knee = kneeAt(index + 1);
      limits.push(limiter.after(end));
      return limits.at(-1)!;
    },
  });
  const perSecond = (rows: number, ms: number): number => (1_000 * rows) / ms;
  return {
    rowsPerSecond: {
      all: perSecond(sum.rows, sum.ms),
      settled: perSecond(sum.rows - early.rows, sum.ms - early.ms),
    },
    limits,
  };
}

/**
 * The limit that adapts on simulated hosts with a knee: vehicles of 100 to 100,000 rows, ±30 % of noise, and one slow vehicle in ten or none.
 * Returns how many targets were missed.
 */
export function adaptiveSimulated({ seeds, items }: typeof SIMULATED): number {
  const numbers = Array.from({ length: seeds }, (_, index) => index + 1);
  console.log(`${seeds} runs of ${items} vehicles at each simulated host, up to ${MOST} in flight`);
  let missed = 0;
  const rows = KNEES.flatMap((knee) =>
    Object.values(SLOW).map((slow) => {
      const trials = numbers.map((seed) => ({ seed, items, slow, kneeAt: () => knee }));
      const found = atKnee(knee, trials);
      if (found.all < AT_LEAST || found.slots > knee + 1) missed += 1;
      return rowOf(knee, slow, found);
    }),
  );
  console.log(
    plainTable(
      [
        'knee',
        'slow',
        'best fixed',
        'rows/s',
        'adaptive',
        'after 30',
        'slots',
        '≤ knee + 1',
        'within 1 after 30',
        'stays',
      ],
      rows,
      0,
    ),
  );
  for (const { from, to, after, within } of MOVES) {
    const ends = numbers.map((seed) => {
      const trial = {
        seed,
        items: after + within,
        slow: SLOW.oneInTen,
        kneeAt: (ended: number) => (ended < after ? from : to),
      };
      return courseOf(trial, adapting()).limits.at(-1)!;
    });
    console.log(
      `a knee that moves from ${from} to ${to}: ${percent(share(ends, (limit) => near(limit, to)))} follow within ${within}`,
    );
  }
  console.log(
    `adaptive ≥ ${AT_LEAST} of the best fixed number's rows/s at no more than knee + 1 slots: ${missed === 0 ? 'reached' : 'MISSED'}`,
  );
  return missed;
}

interface AtKnee {
  /** The fixed number with the most rows per second over all runs. */
  best: number;
  bestRowsPerSecond: number;
  /** Adaptive's share of those: of all vehicles, and of those after the first. */
  all: number;
  settled: number;
  /** Mean limit after the first vehicles. */
  slots: number;
  notAbove: number;
  near: number;
  stays: number;
}

function atKnee(knee: number, trials: Trial[]): AtKnee {
  const meanOf = (courses: Course[], which: keyof Course['rowsPerSecond']): number =>
    mean(courses.map(({ rowsPerSecond }) => rowsPerSecond[which]));
  const byNumber = Array.from({ length: MOST }, (_, index) => trials.map((trial) => courseOf(trial, fixed(index + 1))));
  const rates = byNumber.map((courses) => meanOf(courses, 'all'));
  const best = rates.indexOf(Math.max(...rates));
  const courses = trials.map((trial) => courseOf(trial, adapting()));
  const later = courses.flatMap(({ limits }) => limits.slice(SETTLED_AFTER));
  return {
    best: best + 1,
    bestRowsPerSecond: rates[best]!,
    all: meanOf(courses, 'all') / rates[best]!,
    settled: meanOf(courses, 'settled') / Math.max(...byNumber.map((each) => meanOf(each, 'settled'))),
    slots: mean(later),
    notAbove: share(later, (limit) => limit <= knee + 1),
    near: share(
      courses.map(({ limits }) => limits[SETTLED_AFTER - 1]!),
      (limit) => near(limit, knee),
    ),
    stays: share(later, (limit) => near(limit, knee)),
  };
}

function rowOf(knee: number, slow: number, found: AtKnee): string[] {
  return [
    String(knee),
    percent(slow),
    String(found.best),
    found.bestRowsPerSecond.toFixed(0),
    found.all.toFixed(3),
    found.settled.toFixed(3),
    found.slots.toFixed(2),
    percent(found.notAbove),
    percent(found.near),
    percent(found.stays),
  ];
}

const near = (limit: number, knee: number): boolean => Math.abs(limit - knee) <= 1;
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (values: number[], is: (value: number) => boolean): number => values.filter(is).length / values.length;
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
