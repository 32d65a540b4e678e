/**
 * `npm run fault-twins` takes the guard away from each fault of twins.ts that has one, and runs the fault's own test on what is left: it
 * must go red. `-- -t permit` runs those whose name has the word. It takes about half a minute for each, so it is no part of the suite.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { readFaults } from '../support/faults-page.ts';
import { TWINS, type Twin } from './twins.ts';

const LIMIT_MS = 300_000;
/** Neither is changed by a twin, and both are large. */
const LINKED = ['node_modules', 'dist'];

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'fleetgraph-twins-'));
  cpSync(checkoutDir(), copy, {
    recursive: true,
    filter: (from) => !['.git', ...LINKED].some((name) => from === join(checkoutDir(), name)),
  });
  for (const name of LINKED) symlinkSync(join(checkoutDir(), name), join(copy, name));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test.each(TWINS)(
  '$fault',
  (twin) => {
    const { file, name } = readFaults().find(({ fault }) => fault === twin.fault)!;
    expect(runTest(file, name)).toEqual({ failed: false, ran: true });
    expect(withoutGuard(twin, () => runTest(file, name))).toEqual({ failed: true, ran: true });
  },
  2 * LIMIT_MS,
);

function withoutGuard<T>({ file, guard, without }: Twin, run: () => T): T {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(guard, () => without),
  );
  try {
    return run();
  } finally {
    writeFileSync(path, source);
  }
}

/** What of docs/faults.md is no test's name is a piece of the source: its quotes and its call do not count. */
const patternOf = (name: string): string =>
  name
    .replace(/^test\('|'$/g, '')
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/%[sij]/g, '.*');

function runTest(file: string, name: string): { failed: boolean; ran: boolean } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['test/run.mjs', file, '--testNamePattern', patternOf(name)],
    { cwd: copy, encoding: 'utf8', timeout: LIMIT_MS, env: { ...process.env, FLEETGRAPH_TEST_SERVERS: undefined } },
  );
  const counts = /^Tests: .*$/m.exec(`${stdout}${stderr}`)?.[0] ?? '';
  return { failed: status !== 0, ran: /\d+ (passed|failed)/.test(counts) };
}
