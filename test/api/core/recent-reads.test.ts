import { expect, test } from '@jest/globals';
import { RecentReads } from '../../../src/api/core/recent-reads.ts';

/** Far longer than any test takes. */
const LONG_MS = 3_600_000;

/** A read that counts how often it was asked. */
function counting() {
  let asked = 0;
  return async () => (asked += 1);
}

test('many who ask at once are one question, and another key is another', async () => {
  const reads = new RecentReads({ recentMs: LONG_MS });
  const read = counting();
  expect(await Promise.all([reads.get('a', read), reads.get('a', read), reads.get('b', read)])).toEqual([1, 1, 2]);
  expect(await reads.get('a', read)).toBe(1);
});

test('a failure is told to those who asked and not kept', async () => {
  const reads = new RecentReads({ recentMs: LONG_MS });
  const failing = () => Promise.reject(new Error('away'));
  const asked = await Promise.allSettled([reads.get('a', failing), reads.get('a', failing)]);
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await reads.get('a', counting())).toBe(1);
});

test('what was cleared while it was being read is kept for nobody', async () => {
  const reads = new RecentReads({ recentMs: LONG_MS });
  const read = counting();
  const first = reads.get('a', read);
  reads.clear();
  expect(await reads.get('a', read)).toBe(2);
  expect(await first).toBe(1);
  expect(await reads.get('a', read)).toBe(2);
});

test('without a time nothing is kept', async () => {
  const reads = new RecentReads({ recentMs: 0 });
  const read = counting();
  expect([await reads.get('a', read), await reads.get('a', read)]).toEqual([1, 2]);
});

test('the oldest goes when there are too many', async () => {
  const reads = new RecentReads({ recentMs: LONG_MS });
  const read = counting();
  for (let n = 0; n < 2_001; n += 1) await reads.get(`${n}`, read);
  expect(await reads.get('1', read)).toBe(2);
  expect(await reads.get('0', read)).toBe(2_002);
});
