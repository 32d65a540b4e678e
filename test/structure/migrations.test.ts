import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { MIGRATIONS_DIRECTORY } from '../../src/records/schema/migrations.ts';

test('migrations are numbered one after the other: two of a number would run in the order of their names', () => {
  const numbers = readdirSync(MIGRATIONS_DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => Number(name.slice(0, 4)));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
});
