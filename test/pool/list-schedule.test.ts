import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ListedWork, endingWithin, listedMs, slotsWorthOpening } from '../../src/pool/list-schedule.ts';

const work = fc.array(
  fc.record({ serverId: fc.constantFrom('depot-1', 'depot-2'), ms: fc.integer({ min: 1, max: 100_000 }) }),
  { minLength: 1, maxLength: 60 },
);
const slots = fc.integer({ min: 1, max: 20 });
const sum = (items: readonly { ms: number }[]): number => items.reduce((total, { ms }) => total + ms, 0);
const unlimited = (most: number) => ({ slots: most, limitOf: () => 1_000 });

describe('how long listed work takes', () => {
  test('is no less than its longest part or its share of all, and no more than a third above what is possible', () => {
    fc.assert(
      fc.property(work, slots, (items, most) => {
        const least = Math.max(sum(items) / most, ...items.map(({ ms }) => ms));
        const found = listedMs(items, unlimited(most));
        expect(found).toBeGreaterThanOrEqual(least - 1e-6);
        // Graham: longest first takes 4/3 of the best at most, any order twice the lower bound.
        expect(found).toBeLessThanOrEqual(2 * least);
      }),
    );
  });

  test('is told by the server that lets the fewest in', () => {
    const items: ListedWork[] = ['depot-1', 'depot-1', 'depot-2', 'depot-2'].map((serverId) => ({ serverId, ms: 10 }));
    const limitOf = (serverId: string): number => (serverId === 'depot-1' ? 1 : 8);
    expect(listedMs(items, { slots: 4, limitOf })).toBe(20);
    expect(listedMs(items, unlimited(4))).toBe(10);
  });
});

describe('slots worth opening', () => {
  test('are never more than are wanted or than there is work, and cost a twentieth of the time at most', () => {
    fc.assert(
      fc.property(work, slots, (items, most) => {
        const few = slotsWorthOpening(items, unlimited(most));
        expect(few).toBeGreaterThanOrEqual(1);
        expect(few).toBeLessThanOrEqual(Math.min(most, items.length));
        expect(listedMs(items, unlimited(few))).toBeLessThanOrEqual(1.05 * listedMs(items, unlimited(most)) + 1e-6);
      }),
    );
  });

  test.each([
    { what: 'one large vehicle and some small ones', times: [100, 10, 10, 10], found: 2 },
    { what: 'four alike', times: [10, 10, 10, 10], found: 4 },
    { what: 'a single one', times: [10], found: 1 },
  ])('of four for $what: $found', ({ times, found }) => {
    expect(
      slotsWorthOpening(
        times.map((ms) => ({ serverId: 'depot-1', ms })),
        unlimited(4),
      ),
    ).toBe(found);
  });

  test('are no more than the servers let in', () => {
    const items = Array.from({ length: 10 }, () => ({ serverId: 'depot-1', ms: 10 }));
    expect(slotsWorthOpening(items, { slots: 8, limitOf: () => 2 })).toBe(2);
  });
});

describe('what ends within a time', () => {
  test('fits on the slots, and nothing is lost', () => {
    fc.assert(
      fc.property(work, slots, fc.integer({ min: 0, max: 200_000 }), (items, most, windowMs) => {
        const { taken, left } = endingWithin(items, { slots: most, windowMs });
        expect(new Set([...taken, ...left])).toEqual(new Set(items));
        expect(sum(taken)).toBeLessThanOrEqual(most * windowMs);
        for (const { ms } of left) expect(ms).toBeGreaterThan(0);
        if (windowMs >= sum(items)) expect(left).toEqual([]);
      }),
    );
  });

  test('is taken in the order of claims, past one that is too large', () => {
    const times = [30, 100, 20, 20, 5].map((ms) => ({ ms }));
    const { taken, left } = endingWithin(times, { slots: 2, windowMs: 40 });
    expect(taken.map(({ ms }) => ms)).toEqual([30, 20, 20, 5]);
    expect(left.map(({ ms }) => ms)).toEqual([100]);
  });
});
