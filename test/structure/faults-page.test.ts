import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { TWINS } from '../faults/twins.ts';
import { readFaults } from '../support/faults-page.ts';

const AT_LEAST = 75;

test('every fault of docs/faults.md has its test, under the name that the page says', () => {
  const faults = readFaults();
  expect(faults.length).toBeGreaterThanOrEqual(AT_LEAST);
  const missing = faults.filter(({ file, name }) => {
    const path = join(checkoutDir(), file);
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(name);
  });
  expect(missing).toEqual([]);
  const named = faults.map(({ section, fault }) => `${section}: ${fault}`);
  expect(named.length - new Set(named).size).toBe(0);
});

test('every twin names a fault of the page, and a guard that stands in its file once', () => {
  const faults = new Set(readFaults().map(({ fault }) => fault));
  const stale = TWINS.filter(({ fault, file, guard }) => {
    const source = readFileSync(join(checkoutDir(), file), 'utf8');
    return !faults.has(fault) || source.split(guard).length !== 2;
  });
  expect(stale.map(({ fault, file }) => `${fault}: ${file}`)).toEqual([]);
  expect(TWINS.length - new Set(TWINS.map(({ fault }) => fault)).size).toBe(0);
});
