import { expect, test } from '@jest/globals';
import { lateness } from './lateness.ts';

const every = (ms: number, values: number[]) => values.map((value, n) => ({ at: n * ms, value }));

test('a page that shows each value at once is never late', () => {
  const source = every(100, [0, 1, 1, 2, 3]);
  expect(lateness(source, source)).toEqual([0, 0, 0, 0, 0]);
});

test('a page is late from the first value that it does not show, until it shows one as high', () => {
  const shown = [
    { at: 0, value: 0 },
    { at: 450, value: 4 },
  ];
  expect(lateness(every(100, [0, 1, 2, 3, 4, 4, 5]), shown)).toEqual([0, 0, 100, 200, 300, 0, 0]);
});

test('what was there before the page showed anything is not counted', () => {
  expect(lateness(every(100, [1, 2, 3]), [{ at: 150, value: 2 }])).toEqual([0]);
  expect(lateness(every(100, [1, 2]), [])).toEqual([]);
});
