import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type HashedValue, RowHasher } from '../../../../src/activities/transport-graph/odata-sync/row-hasher.ts';

type Row = HashedValue[];

/** All that is known of rows: the SHA-256 of all, and the quick hash of each. */
function hashed(rows: Row[]): { whole: string; quick: string[] } {
  const hasher = new RowHasher();
  const quick = rows.map((row) => {
    hasher.begin();
    for (const value of row) hasher.value(value);
    return `${hasher.high} ${hasher.low}`;
  });
  return { whole: hasher.digest(), quick };
}

const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\0', 'a', 'ÿ', 'Ā', 'я') }),
  fc.double({ noNaN: true }),
  fc.constantFrom(null, 0, 1, 50, 1_700_000_000_000),
);
const row = fc.tuple(value, value, value);
const plain = (one: Row): string => JSON.stringify(one.map((each) => (each === 0 ? 0 : each)));

test('rows are told apart by the quick hash as by the SHA-256', () => {
  fc.assert(
    fc.property(row, row, (a, b) => {
      const [first, second] = [hashed([a]), hashed([b])];
      const same = plain(a) === plain(b);
      expect(first.whole === second.whole).toBe(same);
      expect(first.quick[0] === second.quick[0]).toBe(same);
    }),
    { numRuns: 500 },
  );
});

test.each<[string, Row, Row]>([
  ['where a text ends', ['ab', 'c'], ['a', 'bc']],
  ['a text of zeros and its length', ['\0\0'], ['\0\0\0']],
  ['a wide text and a narrow one of the same bytes', ['a\0b\0'], ['\u0061\u0062'.replace('b', 'Ā')]],
  ['one wide character and the two bytes it has', ['\0\u0001'], ['Ā']],
  ['an empty text and none', [''], [null]],
  ['a number and its text', [50], ['50']],
  ['the last of four characters', ['flight-0000011x'], ['flight-0000010x']],
  ['the upper byte of a word', ['aaaa'], ['aaab']],
  ['the sign of a number', [1], [-1]],
])('%s counts', (_what, a, b) => {
  expect(hashed([a]).whole).not.toBe(hashed([b]).whole);
  expect(hashed([a]).quick).not.toEqual(hashed([b]).quick);
});

test('0 and -0 are one number', () => expect(hashed([[-0, 'x']])).toEqual(hashed([[0, 'x']])));

test('no two of 50,000 rows that differ in one character have the same quick hash, in either half', () => {
  const ids = Array.from({ length: 50_000 }, (_, n) => `flight-${String(n).padStart(7, '0')}`);
  const { quick } = hashed(ids.map((id) => [id, 'route-1', 50]));
  expect(new Set(quick).size).toBe(ids.length);
  // Of 2^32 values, chance hardly makes one pair of them.
  for (const half of [0, 1]) expect(new Set(quick.map((both) => both.split(' ')[half])).size).toBeGreaterThan(49_990);
});

test('rows longer than what is kept at a time have the hash of all of their characters', () => {
  const long = 'x'.repeat(300_000);
  const rows = (end: string): Row[] => [
    ['a', 1],
    [long + end, 2],
    ...Array.from({ length: 40_000 }, (_, n) => [n, 'я']),
  ];
  expect(hashed(rows('1')).whole).toBe(hashed(rows('1')).whole);
  expect(hashed(rows('1')).whole).not.toBe(hashed(rows('2')).whole);
  expect(hashed(rows('1')).quick[1]).not.toBe(hashed(rows('2')).quick[1]);
  const changed = rows('1');
  changed.at(-1)![0] = -1;
  expect(hashed(changed).whole).not.toBe(hashed(rows('1')).whole);
});
