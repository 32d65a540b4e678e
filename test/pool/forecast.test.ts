import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UNSEEN_COST, expectedMs, isKnown, learn, spreadOf } from '../../src/pool/forecast.ts';
import type { Cost, PastForecast } from '../../src/records/forecasts.ts';
import { randomFrom } from './simulated-host.ts';

interface Server {
  fixedMs: number;
  perRowMs: number;
}

/** What a server of these true costs makes of vehicles of 10 to 100,000 rows, each ±30 % of the truth. */
function learned(from: Cost, { fixedMs, perRowMs }: Server, items: number, random: () => number): Cost {
  let cost = from;
  for (let item = 0; item < items; item += 1) {
    const rows = Math.round(10 ** (1 + 4 * random()));
    cost = learn(cost, { rows, ms: (fixedMs + perRowMs * rows) * (0.7 + 0.6 * random()) });
  }
  return cost;
}

const server = fc.record({
  fixedMs: fc.double({ min: 10, max: 60_000, noNaN: true }),
  perRowMs: fc.double({ min: 0.01, max: 2, noNaN: true }),
});
const seed = fc.integer({ min: 1, max: 1_000_000 });
const within = (found: number, truth: number, share: number): boolean => Math.abs(found / truth - 1) <= share;
/** Within `share` of the truth for vehicles of every size that was seen; a fixed part that the smallest of them hardly shows is not asked for. */
const tells = (cost: Cost, truth: Server, share: number): boolean =>
  [10, 100, 1_000, 10_000, 100_000].every((rows) => within(expectedMs(cost, rows), expectedMs(truth, rows), share));

describe('the cost of a server', () => {
  test('is found under a noise of 30 %: its fixed part and its milliseconds per row', () => {
    fc.assert(
      fc.property(server, seed, (truth, start) => {
        const cost = learned(UNSEEN_COST, truth, 400, randomFrom(start));
        // It remembers some two hundred samples with a deviation of 17 % each; of the smallest vehicles it saw fewer.
        expect(tells(cost, truth, 0.35)).toBe(true);
      }),
    );
  });

  test('is told apart where both parts show', () => {
    const truth = { fixedMs: 800, perRowMs: 0.2 };
    fc.assert(
      fc.property(seed, (start) => {
        const cost = learned(UNSEEN_COST, truth, 400, randomFrom(start));
        expect(within(cost.fixedMs, truth.fixedMs, 0.25)).toBe(true);
        expect(within(cost.perRowMs, truth.perRowMs, 0.25)).toBe(true);
      }),
    );
  });

  test('is forgotten after a change: slower or faster, the new one is what is told', () => {
    fc.assert(
      fc.property(server, fc.constantFrom(0.2, 0.5, 2, 5), seed, (truth, times, start) => {
        const random = randomFrom(start);
        const before = learned(UNSEEN_COST, truth, 400, random);
        const changed = { fixedMs: truth.fixedMs * times, perRowMs: truth.perRowMs * times };
        expect(tells(learned(before, changed, 600, random), changed, 0.35)).toBe(true);
      }),
    );
  });

  test('is never negative and never without bounds, whatever is told', () => {
    const anything = fc.record({
      rows: fc.oneof(fc.integer({ min: 0, max: 10_000_000 }), fc.double()),
      ms: fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.double()),
    });
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 300 }), (items) => {
        const cost = items.reduce(learn, UNSEEN_COST);
        expect(cost.fixedMs).toBeGreaterThanOrEqual(0);
        expect(cost.fixedMs).toBeLessThanOrEqual(7 * 86_400_000);
        expect(cost.perRowMs).toBeGreaterThanOrEqual(0);
        expect(cost.perRowMs).toBeLessThanOrEqual(60_000);
        expect([...cost.squares, ...cost.products].every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('stays as it is split while vehicles of one size alone are seen', () => {
    const both = learned(UNSEEN_COST, { fixedMs: 500, perRowMs: 0.1 }, 400, randomFrom(7));
    let cost = both;
    for (let item = 0; item < 10_000; item += 1) cost = learn(cost, { rows: 1_000, ms: 600 });
    expect(within(expectedMs(cost, 1_000), 600, 0.01)).toBe(true);
    expect(within(cost.fixedMs, both.fixedMs, 0.3)).toBe(true);
  });

  test('does not follow one vehicle that waited for a server that was away', () => {
    const before = learned(UNSEEN_COST, { fixedMs: 100, perRowMs: 0.05 }, 400, randomFrom(3));
    const after = learn(before, { rows: 1_000, ms: 3_600_000 });
    expect(within(expectedMs(after, 1_000), expectedMs(before, 1_000), 0.15)).toBe(true);
  });

  test('is known after a few samples', () => {
    const seen = learned(UNSEEN_COST, { fixedMs: 100, perRowMs: 0.05 }, 5, randomFrom(3));
    expect([isKnown(UNSEEN_COST), isKnown(seen)]).toEqual([false, true]);
  });
});

describe('p90 over p50', () => {
  const past = fc.array(
    fc.record({
      p50Ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
      actualMs: fc.double({ min: 0, max: 1e7, noNaN: true }),
    }),
    { maxLength: 20 },
  );

  test('is never less than one and never more than eight, whatever earlier runs took', () => {
    fc.assert(
      fc.property(past, (runs) => {
        expect(spreadOf(runs)).toBeGreaterThanOrEqual(1);
        expect(spreadOf(runs)).toBeLessThanOrEqual(8);
      }),
    );
  });

  test('holds in about nine of ten runs, once there are twenty to learn from', () => {
    const random = randomFrom(11);
    const runs: PastForecast[] = [];
    let [held, told] = [0, 0];
    for (let run = 0; run < 2_000; run += 1) {
      const p50Ms = 1_000 + 9_000 * random();
      const actualMs = p50Ms * (0.8 + 0.9 * random());
      if (run >= 20) {
        told += 1;
        if (actualMs <= p50Ms * spreadOf(runs.slice(-20))) held += 1;
      }
      runs.push({ p50Ms, actualMs });
    }
    expect(held / told).toBeGreaterThan(0.86);
    expect(held / told).toBeLessThan(0.95);
  });

  test('is careful while there are few runs', () => {
    expect(spreadOf([])).toBe(2);
    expect(spreadOf([{ p50Ms: 10, actualMs: 10 }])).toBe(2);
    expect(spreadOf([{ p50Ms: 10, actualMs: 50 }])).toBe(5);
  });
});
