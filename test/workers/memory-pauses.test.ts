import { expect, test } from '@jest/globals';
import { createMemoryPauses } from '../../src/workers/memory-pauses.ts';

const MEGABYTE = 1024 * 1024;

/** The pauses of so many bytes, cut into pieces of a size. */
function pausedMs(bytes: number, pieceBytes: number): number {
  const { after } = createMemoryPauses();
  let [left, sum] = [bytes, 0];
  for (; left > 0; left -= pieceBytes) sum += after(Math.min(left, pieceBytes));
  return sum;
}

test('a dump is slowed as much in pieces of any size', () => {
  for (const pieceBytes of [100, 4_096, 64 * 1024, 256 * 1024, MEGABYTE]) {
    expect(Math.abs(pausedMs(20 * MEGABYTE, pieceBytes) - 8_000)).toBeLessThanOrEqual(1);
  }
});

test('a pause is one that a timer can keep, and no longer than a second', () => {
  const { after } = createMemoryPauses();
  const pauses = [1, 100, 1_500, 1_500, 256 * 1024, 100 * MEGABYTE, 100].map(after);
  for (const pause of pauses) expect(pause === 0 || (pause >= 1 && pause <= 1_000)).toBe(true);
  expect(pauses.slice(0, 2)).toEqual([0, 0]);
  expect(pauses.slice(4)).toEqual([expect.any(Number), 1_000, 0]);
  expect(pauses[4]).toBeGreaterThan(99);
});
