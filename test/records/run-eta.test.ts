import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ForecastLeft, etaOf } from '../../src/records/run-eta.ts';

const forecast: fc.Arbitrary<ForecastLeft> = fc
  .record({
    p50Ms: fc.integer({ min: 0, max: 10_000_000 }),
    spread: fc.double({ min: 1, max: 8, noNaN: true }),
    elapsedMs: fc.integer({ min: -1_000, max: 100_000_000 }),
    workMs: fc.integer({ min: 0, max: 10_000_000 }),
    share: fc.double({ min: 0, max: 1.2, noNaN: true }),
  })
  .map(({ p50Ms, spread, elapsedMs, workMs, share }) => ({
    p50Ms,
    p90Ms: p50Ms * spread,
    elapsedMs,
    workMs,
    leftMs: workMs * share,
  }));

test('the time left is never negative, its p90 never below its p50, and none when no work is left', () => {
  fc.assert(
    fc.property(forecast, (each) => {
      const eta = etaOf(each);
      expect(eta.p50Ms).toBeGreaterThanOrEqual(0);
      expect(eta.p90Ms).toBeGreaterThanOrEqual(eta.p50Ms);
      expect(etaOf({ ...each, leftMs: 0 })).toEqual({ p50Ms: 0, p90Ms: 0 });
    }),
  );
});

test('less work left is less time left, and a slower run has more', () => {
  fc.assert(
    fc.property(forecast, fc.double({ min: 0, max: 1, noNaN: true }), (each, share) => {
      expect(etaOf({ ...each, leftMs: each.leftMs * share }).p50Ms).toBeLessThanOrEqual(etaOf(each).p50Ms);
      expect(etaOf({ ...each, elapsedMs: each.elapsedMs + 1_000 }).p50Ms).toBeGreaterThanOrEqual(etaOf(each).p50Ms);
    }),
  );
});

const OF_A_MINUTE = { p50Ms: 60_000, p90Ms: 90_000, workMs: 1_000 };

test.each([
  { when: 'at the start', elapsedMs: 0, leftMs: 1_000, p50Ms: 60_000, p90Ms: 90_000 },
  { when: 'half-way in time', elapsedMs: 30_000, leftMs: 500, p50Ms: 30_000, p90Ms: 45_000 },
  { when: 'half-way in twice the time', elapsedMs: 60_000, leftMs: 500, p50Ms: 45_000, p90Ms: 67_500 },
  { when: 'nearly done', elapsedMs: 60_000, leftMs: 10, p50Ms: 604, p90Ms: 906 },
])('a run of a minute, $when', ({ elapsedMs, leftMs, p50Ms, p90Ms }) => {
  expect(etaOf({ ...OF_A_MINUTE, elapsedMs, leftMs })).toEqual({ p50Ms, p90Ms });
});
