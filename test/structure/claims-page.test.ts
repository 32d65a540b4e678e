import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

/** As many as the specified document makes. */
const AT_LEAST = 140;

test('every claim of docs/background-workers.md has its test or its bench, under the name that the page says', () => {
  const page = readFileSync(join(checkoutDir(), 'docs/background-workers.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| (?!claim|-)/.test(line));
  const claims = rows.map((line) => /\| `((?:test|bench)\/[^`]+)`: `([^`]+)` +\|$/.exec(line));
  expect(claims.length).toBeGreaterThanOrEqual(AT_LEAST);
  const missing = rows.filter((_, n) => {
    const [, file = '', name = ''] = claims[n] ?? [];
    const path = join(checkoutDir(), file);
    return file === '' || !existsSync(path) || !readFileSync(path, 'utf8').includes(name);
  });
  expect(missing).toEqual([]);
});
