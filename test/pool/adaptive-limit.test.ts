import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type AdaptiveLimit,
  type EndedWork,
  type LimitChange,
  SLOW_START,
  recordEnd,
} from '../../src/pool/adaptive-limit.ts';
import { FAILURES, type FailureCode } from '../../src/errors.ts';
import { type SimulatedHost, randomFrom, simulate } from './simulated-host.ts';

const HOST: SimulatedHost = { knee: 4, noise: 0.3, slow: 0.1, slowBy: 4, fixedMs: 100, perRowMs: 0.01 };
const MOST = 16;
/** `FLEETGRAPH_SEEDS=400 npm test -- test/pool/adaptive-limit` is what docs/decisions/0032 tells of, and takes some minutes. */
const SEEDS = Array.from({ length: Number(process.env.FLEETGRAPH_SEEDS ?? 8) }, (_, index) => index + 1);

/** The limit after each completed vehicle. `kneeAt` moves the knee while they run. */
function limitsOf(
  seed: number,
  over: Partial<SimulatedHost>,
  ends: number,
  kneeAt?: (index: number) => number,
): number[] {
  const random = randomFrom(seed * 7_919);
  const host = { ...HOST, ...over };
  const limits: number[] = [];
  let state = SLOW_START;
  simulate(host, {
    random,
    ends,
    rowsOf: () => Math.round(10 ** (2 + 3 * random())),
    onEnd: (end, index) => {
      state = recordEnd(state, { code: null, ...end }, { now: end.now, most: MOST }).state;
      limits.push(state.limit);
      if (kneeAt) host.knee = kneeAt(index);
      return state.limit;
    },
  });
  return limits;
}

const near = (limit: number, knee: number): boolean => Math.abs(limit - knee) <= 1;
const share = (values: boolean[]): number => values.filter(Boolean).length / values.length;

describe('on a host with a knee, ±30 % of noise, vehicles of 100 to 100,000 rows and one slow vehicle in ten', () => {
  test.each([
    { knee: 1, settles: 0.95, stays: 0.97 },
    { knee: 2, settles: 0.97, stays: 0.98 },
    { knee: 4, settles: 0.95, stays: 0.97 },
    { knee: 9, settles: 0.75, stays: 0.8 },
  ])(
    'of $knee: within one of it after 30 completed vehicles, and nearly always after that',
    ({ knee, settles, stays }) => {
      const runs = SEEDS.map((seed) => limitsOf(seed, { knee }, 80));
      expect(share(runs.map((limits) => near(limits[29]!, knee)))).toBeGreaterThanOrEqual(settles);
      expect(
        share(runs.flatMap((limits) => limits.slice(30).map((limit) => near(limit, knee)))),
      ).toBeGreaterThanOrEqual(stays);
    },
  );

  test.each([
    { from: 9, to: 4, within: 60, settles: 0.85 },
    { from: 4, to: 2, within: 40, settles: 0.85 },
    { from: 2, to: 4, within: 60, settles: 0.8 },
    // One more is tried at most 36 items apart, and then twice as many more each time.
    { from: 4, to: 9, within: 100, settles: 0.6 },
  ])('whose knee moves from $from to $to: follows within $within', ({ from, to, within, settles }) => {
    const runs = SEEDS.map((seed) => limitsOf(seed, { knee: from }, 60 + within, (index) => (index < 59 ? from : to)));
    const found = share(runs.map((limits) => near(limits.at(-1)!, to)));
    expect(found).toBeGreaterThanOrEqual(settles);
  });

  test('without a knee: grows to the fixed limit, and no further', () => {
    const runs = SEEDS.map((seed) => limitsOf(seed, { knee: 100, slow: 0 }, 60));
    expect(Math.max(...runs.flat())).toBe(MOST);
    expect(share(runs.map((limits) => limits.at(-1)! >= MOST - 2))).toBeGreaterThanOrEqual(0.85);
  });
});

/** A limit of 8, held. */
function heldAt(limit: number): AdaptiveLimit {
  return { ...SLOW_START, limit, phase: 'held', changedAt: 1_000 };
}
const ended = (over: Partial<EndedWork> = {}): EndedWork => ({
  code: null,
  inFlight: 8,
  rows: 1_000,
  ms: 100,
  begunAt: 2_000,
  ...over,
});
const told = (state: AdaptiveLimit, work: Partial<EndedWork>, now = 3_000) =>
  recordEnd(state, ended(work), { now, most: MOST, maxLoadPerCore: 2, maxThreadsRunning: 16 });

describe('trouble', () => {
  test.each(['LegacyDatabaseUnavailable', 'SshSessionRefused', 'TransferStalled', 'VehicleTimeout'] as const)(
    '%s halves what was in flight, at once and with its reason',
    (code) => {
      const { state, change } = told(heldAt(8), { code });
      expect(change).toEqual({ from: 8, to: 4, reason: `${code} with 8 in flight` } satisfies LimitChange);
      expect(state).toMatchObject({ limit: 4, phase: 'recovering', troubleAt: 8 });
    },
  );

  test('is one trouble, however many in flight tell it', () => {
    let { state } = told(heldAt(8), { code: 'SshSessionRefused' });
    for (let others = 0; others < 7; others += 1) ({ state } = told(state, { code: 'SshSessionRefused' }, 3_500));
    expect(state.limit).toBe(4);
    // Begun before the limit was halved, and told late.
    expect(told(state, { code: 'SshSessionRefused', inFlight: 4, begunAt: 2_900 }, 3_900).change).toBeNull();
    // Tried again at once, while those that are too many are still on their way out.
    expect(told(state, { code: 'SshSessionRefused', inFlight: 7, begunAt: 3_200 }, 3_400).change).toBeNull();
    ({ state } = told(state, { code: 'SshSessionRefused', inFlight: 4, begunAt: 3_200 }, 3_600));
    expect(state.limit).toBe(2);
  });

  test.each([
    'TableMissing',
    'QuarantineThresholdExceeded',
    'DatabaseUnavailable',
    'CircuitOpen',
    'Cancelled',
  ] as const)('%s is none of the server', (code) => {
    expect(told(heldAt(8), { code })).toEqual({ state: heldAt(8), change: null });
  });

  test('is followed by one more for each round that went well, up to below where it began, and later beyond', () => {
    let { state } = told(heldAt(8), { code: 'SshSessionRefused' });
    const limits: number[] = [];
    for (let round = 0; round < 400; round += 1) {
      const decision = told(state, { inFlight: state.limit, begunAt: 4_000 + round }, 5_000 + round);
      if (decision.change) limits.push(decision.change.to);
      state = decision.state;
    }
    expect(limits.slice(0, 3)).toEqual([5, 6, 7]);
    expect(Math.max(...limits)).toBeGreaterThanOrEqual(8);
  });
});

describe("the host's own load", () => {
  test.each([
    { load: { loadPerCore: 2.5, threadsRunning: null }, reason: "the host's load is 2.5 per core" },
    { load: { loadPerCore: 0.5, threadsRunning: 40 }, reason: '40 threads run in its database' },
  ])('$reason: a quarter less, once per change', ({ load, reason }) => {
    const eased = told(heldAt(8), { load });
    expect(eased.change).toEqual({ from: 8, to: 6, reason });
    expect(told(eased.state, { load, begunAt: 2_500 }).change).toBeNull();
    expect(told(eased.state, { load, begunAt: 3_100 }, 4_000).change).toMatchObject({ to: 4 });
  });

  test('that is not known or not high changes nothing', () => {
    expect(told(heldAt(8), { load: { loadPerCore: 1.9, threadsRunning: 16 } }).change).toBeNull();
    expect(told(heldAt(8), { load: { loadPerCore: null, threadsRunning: null } }).change).toBeNull();
  });
});

test('is from 1 to the fixed limit and has a reason for each change, whatever it is told', () => {
  const codes = [null, null, null, ...(Object.keys(FAILURES) as FailureCode[])];
  const work = fc.record({
    code: fc.constantFrom(...codes),
    inFlight: fc.double({ min: 1, max: 64, noNaN: true }),
    rows: fc.nat(1_000_000),
    ms: fc.nat(10_000_000),
    begunAt: fc.nat(10_000),
    load: fc.option(fc.record({ loadPerCore: fc.option(fc.nat(9)), threadsRunning: fc.option(fc.nat(99)) }), {
      nil: undefined,
    }),
  });
  const step = fc.record({ work, most: fc.integer({ min: 1, max: 20 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let state = SLOW_START;
      steps.forEach(({ work: { load, ...rest }, most }, index) => {
        const before = state;
        const bounds = { now: index * 100, most, maxLoadPerCore: 4, maxThreadsRunning: 32 };
        const decision = recordEnd(before, { ...rest, ...(load && { load }) }, bounds);
        state = decision.state;
        expect(Number.isInteger(state.limit) && state.limit >= 1 && state.limit <= Math.max(most, before.limit)).toBe(
          true,
        );
        expect(state.samples.length + state.setAside.length).toBeLessThanOrEqual(128);
        expect(decision.change === null).toBe(state.limit === before.limit);
        if (!decision.change) return;
        expect(decision.change).toMatchObject({ from: before.limit, to: state.limit });
        expect(decision.change.reason).not.toBe('');
        if (before.limit > most) expect(state.limit).toBe(most);
      });
    }),
    { numRuns: 60 },
  );
});
