import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freePort } from '../../src/stack/ports.ts';
import { findOnPath } from '../../src/stack/run-command.ts';
import { sweepSurvivors } from '../../src/stack/sweep.ts';
import { identify, isRunning } from '../../src/stack/processes.ts';
import type { ServerName } from '../../src/stack/stack.ts';
import { writeRunRecord } from '../../src/stack/run-record.ts';
import { stateFolder, until } from '../support/state-folder.ts';

const stateDir = stateFolder('sweep');
const redisDir = join(stateDir, 'redis');
const NAME: ServerName = 'redis';
const children: ChildProcess[] = [];

beforeEach(() => {
  rmSync(stateDir, { recursive: true, force: true });
  mkdirSync(redisDir, { recursive: true });
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(stateDir, { recursive: true, force: true });
});

function started(program: string, args: string[], cwd = '/'): number {
  const child = spawn(program, args, { cwd, stdio: 'ignore' });
  children.push(child);
  if (child.pid === undefined) throw new Error(`Cannot start ${program}.`);
  return child.pid;
}

// A server whose starter was killed so that it did not notice, as happens where setpriv has no death signal.
async function survivor(cwd: string): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const pid = started(
    findOnPath('redis-server') ?? '',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', ''],
    cwd,
  );
  await until('the program runs', () => identify(pid) !== null);
  return { pid, port };
}

test('a recorded survivor of a killed run is ended', async () => {
  const { pid, port } = await survivor('/');
  writeRunRecord(stateDir, { name: NAME, pid, port, stopSignal: 'SIGTERM' });
  expect(await sweepSurvivors(stateDir, [redisDir])).toBe(1);
  expect(isRunning(pid)).toBe(false);
});

test('a survivor that is stopped (SIGSTOP) is ended too, without waiting for the limit', async () => {
  const { pid, port } = await survivor('/');
  writeRunRecord(stateDir, { name: NAME, pid, port, stopSignal: 'SIGTERM' });
  process.kill(pid, 'SIGSTOP');
  await until('it is stopped', () => readFileSync(`/proc/${pid}/status`, 'utf8').includes('State:\tT'));
  const startedAt = performance.now();
  await sweepSurvivors(stateDir, [redisDir]);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(isRunning(pid)).toBe(false);
});

test('a server that no record names is found by its working directory', async () => {
  const { pid } = await survivor(redisDir);
  expect(await sweepSurvivors(stateDir, [redisDir])).toBe(1);
  expect(isRunning(pid)).toBe(false);
});

test('a process that got a recorded pid later is spared, on this boot and on another', async () => {
  const pid = started('sleep', ['600']);
  const identity = identify(pid);
  mkdirSync(join(stateDir, 'run'));
  const record = { name: NAME, port: 61_000, stopSignal: 'SIGTERM', ...identity };
  const stale = [
    { ...record, startTime: '1' },
    { ...record, bootId: '00000000-0000-0000-0000-000000000000' },
  ];
  for (const content of stale) {
    writeFileSync(join(stateDir, 'run', 'redis.json'), JSON.stringify(content));
    expect(await sweepSurvivors(stateDir, [redisDir])).toBe(0);
    expect(isRunning(pid)).toBe(true);
  }
});

test("somebody's shell that stands in a server's folder is spared", async () => {
  const pid = started('sleep', ['600'], redisDir);
  expect(await sweepSurvivors(stateDir, [redisDir])).toBe(0);
  expect(isRunning(pid)).toBe(true);
});

test('a record that is cut short is no reason not to start', async () => {
  mkdirSync(join(stateDir, 'run'));
  writeFileSync(join(stateDir, 'run', 'redis.json'), '{"name":"red');
  expect(await sweepSurvivors(stateDir, [redisDir])).toBe(0);
});
