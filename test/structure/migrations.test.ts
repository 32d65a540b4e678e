import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { MIGRATIONS_DIRECTORY } from '../../src/records/schema/migrations.ts';

test('migrations have a number each: two of one would run in the order of their names', () => {
  const numbers = readdirSync(MIGRATIONS_DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => Number(name.slice(0, 4)));
  expect(numbers.every((number) => number > 0)).toBe(true);
  expect([...new Set(numbers)]).toEqual(numbers);
});
