import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { composeAnswers } from '../../src/stack/compose.ts';
import { type ServerName, startStack } from '../../src/stack/stack.ts';
import { stateFolder } from '../support/state-folder.ts';

// No container engine is needed: a FAKE `docker` on the PATH notes what it is asked and plays the answers. What it
// cannot show is that docker-compose.yml itself starts.
const stateDir = stateFolder('compose');
const savedPath = process.env['PATH'] ?? '';
const savedChoice = process.env['FLEETGRAPH_STACK'];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleetgraph-docker-'));
  process.env['PATH'] = `${folder}:${savedPath}`;
  delete process.env['FLEETGRAPH_STACK'];
});

afterEach(() => {
  process.env['PATH'] = savedPath;
  if (savedChoice !== undefined) process.env['FLEETGRAPH_STACK'] = savedChoice;
  rmSync(folder, { recursive: true, force: true });
});

function fakeDocker(answers: string): void {
  const script = `#!/bin/sh\necho "$@" >> ${folder}/asked\n${answers}\n`;
  writeFileSync(join(folder, 'docker'), script, { mode: 0o755 });
}

// "-p NAME -f FILE --env-file FILE --profile demo" left out.
const asked = () =>
  readFileSync(join(folder, 'asked'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.replace(/-p \S+ -f \S+ --env-file \S+ --profile demo /, ''));

const PORTS = `case "$*" in
  *"port timescaledb 5432") echo 127.0.0.1:61501;;
  *"port redis 6379") echo 0.0.0.0:61502;;
  *"port temporal 7233") echo 127.0.0.1:61503;;
  *"port temporal-ui 8080") echo 127.0.0.1:61504;;
esac`;

test('the servers come from docker compose when an engine answers', async () => {
  fakeDocker(PORTS);
  const servers: ServerName[] = ['postgres', 'redis', 'temporal'];
  const stack = await startStack({ stateDir, from: 'auto', servers, durable: true });
  expect(stack.postgres.url('x')).toBe('postgres://postgres@127.0.0.1:61501/x');
  expect(stack.redis.url).toBe('redis://127.0.0.1:61502');
  expect(stack.temporal).toMatchObject({ address: '127.0.0.1:61503', uiUrl: 'http://127.0.0.1:61504' });
  await stack.server('redis').kill('SIGKILL');
  await stack.server('redis').restart();
  await stack.stop();
  await stack.destroy();
  expect(asked().filter((line) => !line.includes(' port '))).toEqual([
    'info',
    'compose up -d --wait timescaledb redis temporal temporal-ui',
    'compose kill -s SIGKILL redis',
    'compose stop redis',
    'compose up -d --wait redis',
    'compose down',
  ]);
});

test('a stack that keeps nothing takes its volumes along', async () => {
  fakeDocker(PORTS);
  const stack = await startStack({ stateDir, from: 'auto', servers: ['redis'] });
  await stack.stop();
  expect(asked().at(-1)).toBe('compose down -v');
  await stack.destroy();
});

test('a compose that fails is said in one line, and binaries are used instead', async () => {
  fakeDocker('case "$*" in *" up "*) echo "no such image" >&2; exit 1;; esac');
  const lines: string[] = [];
  const stack = await startStack({
    stateDir,
    from: 'auto',
    servers: ['redis'],
    onProgress: (line) => lines.push(line),
  });
  expect(lines).toContain('docker compose failed (docker compose up: no such image); using binaries instead');
  expect(stack.server('redis').pid).toBeGreaterThan(0);
  await stack.destroy();
}, 60_000);

test('an engine is asked neither when binaries are chosen nor for longer than three seconds', async () => {
  fakeDocker('exec sleep 60');
  const startedAt = performance.now();
  expect(await composeAnswers()).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  fakeDocker('exit 0');
  expect(await composeAnswers()).toBe(true);
  process.env['FLEETGRAPH_STACK'] = 'binaries';
  expect(await composeAnswers()).toBe(false);
});
