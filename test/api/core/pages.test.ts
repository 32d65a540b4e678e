import { expect, test } from '@jest/globals';
import { numberCursor, placeCursor, timeCursor } from '../../../src/api/core/pages.ts';

const ID = '5a2e16fc-0ad4-4df0-8c6a-9a1b2c3d4e5f';
const refused = expect.objectContaining({ code: 'InvalidRequest' });

test('a cursor that is the `next` of a page is taken apart', () => {
  const at = '2026-11-29T15:00:00.123Z';
  expect(timeCursor(`${at}_${ID}`)).toEqual({ at, id: ID });
  expect(timeCursor(undefined)).toEqual({ at: null, id: null });
  expect(numberCursor('17')).toBe('17');
  expect(placeCursor('3_17')).toEqual({ slot: 3, sequence: 17 });
  expect(placeCursor(undefined)).toBeNull();
});

test.each([
  ['30 February', `2026-02-30T00:00:00.000Z_${ID}`],
  ['29 February of another year', `2026-02-29T00:00:00.000Z_${ID}`],
  ['the year 0', `0000-01-01T00:00:00.000Z_${ID}`],
  ['25 o’clock', `2026-01-01T25:00:00.000Z_${ID}`],
  ['a day without a time', `2026-01-01_${ID}`],
  ['36 dashes for an id', `2026-01-01T00:00:00.000Z_${'-'.repeat(36)}`],
  ['an id without dashes', `2026-01-01T00:00:00.000Z_${'a'.repeat(36)}`],
  ['no id', '2026-01-01T00:00:00.000Z'],
  ['something behind the id', `2026-01-01T00:00:00.000Z_${ID}_`],
  ['a word', 'yesterday'],
])('a cursor with %s is refused before PostgreSQL sees it', (_, after) => {
  expect(() => timeCursor(after)).toThrow(refused);
});

test.each(['-1', '1e3', '9'.repeat(19), ' 1', '１'])('%p is no number of a page', (after) => {
  expect(() => numberCursor(after)).toThrow(refused);
});

test.each(['3', '3_', '_17', '-3_17', '3_17_', '9999999999_1', `1_${'9'.repeat(16)}`])(
  '%p is no place in a timeline',
  (after) => {
    expect(() => placeCursor(after)).toThrow(refused);
  },
);
