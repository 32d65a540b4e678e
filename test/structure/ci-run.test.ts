import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { runCommand } from '../../src/stack/run-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleetgraph-ci-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs .ci/run with a FAKE npm that plays the check and the suite. */
async function runCi(played: { check?: string; suite: string }) {
  const script = `#!/bin/sh
echo "$@" >> ${folder}/asked
case "$*" in
  'run check:static') echo '5 passed, 0 failed'; ${played.check ?? 'true'};;
  'test --silent') ${played.suite};;
esac`;
  writeFileSync(join(folder, 'npm'), script, { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
  const { exitCode, stdout, stderr } = await runCommand(join(checkoutDir(), '.ci/run'), [], { env });
  const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');
  return { exitCode, stderr, asked, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

test('installs, checks, runs the suite and ends with its count', async () => {
  const { exitCode, stderr, asked, lastLine } = await runCi({ suite: 'echo 12 passed, 0 failed, 1 skipped' });
  expect({ exitCode, stderr, lastLine }).toEqual({
    exitCode: 0,
    stderr: '',
    lastLine: '12 passed, 0 failed, 1 skipped',
  });
  expect(asked).toEqual(['ci', 'run check:static', 'test --silent']);
});

test('a failed suite fails, and its count is the last line still', async () => {
  const suite = 'echo 11 passed, 1 failed; exit 1';
  expect(await runCi({ suite })).toMatchObject({ exitCode: 1, lastLine: '11 passed, 1 failed' });
});

test('a failed check fails, and the suite is counted nevertheless', async () => {
  const suite = 'echo 12 passed, 0 failed';
  expect(await runCi({ check: 'exit 1', suite })).toMatchObject({ exitCode: 1, lastLine: '12 passed, 0 failed' });
});

test('a late line does not hide the count', async () => {
  const suite = 'echo 12 passed, 0 failed; echo a server has stopped >&2; exit 0';
  expect(await runCi({ suite })).toMatchObject({ exitCode: 0, lastLine: '12 passed, 0 failed' });
});

test('a suite that did not run to its end fails, and the count of the check is not taken for its own', async () => {
  const { exitCode, lastLine } = await runCi({ suite: 'exit 0' });
  expect({ exitCode, lastLine }).toEqual({
    exitCode: 1,
    lastLine: 'The suite ended without a count: it did not run to its end.',
  });
});
