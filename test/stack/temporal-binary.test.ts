import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findTemporal, pinnedVersion, type TemporalSource } from '../../src/stack/temporal-binary.ts';

const version = pinnedVersion();
const realPath = process.env['PATH'] ?? '';
let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleetgraph-temporal-'));
  mkdirSync(join(folder, 'path'));
  lines = [];
  // Without the machine's own `temporal`, if it has one.
  const others = realPath.split(':').filter((dir) => !existsSync(join(dir, 'temporal')));
  process.env['PATH'] = [join(folder, 'path'), ...others].join(':');
});

afterEach(() => {
  process.env['PATH'] = realPath;
  rmSync(folder, { recursive: true, force: true });
});

// Stands for the real program: it only knows how to print its version.
function fakeTemporal(file: string, server: string): void {
  writeFileSync(file, `#!/bin/sh\necho "temporal version 0.0.0 (Server ${server}, UI 2.50.1)"\n`, { mode: 0o755 });
}

function source(overrides: Partial<TemporalSource>): TemporalSource {
  const refuse = async () => {
    throw new Error('must not be asked');
  };
  return { cacheDir: join(folder, 'cache'), download: refuse, build: refuse, ...overrides };
}

const find = (overrides: Partial<TemporalSource>) => findTemporal((line) => lines.push(line), source(overrides));
const cached = () => join(folder, 'cache', `temporal-${version}`);

test('the one on the PATH comes first', async () => {
  fakeTemporal(join(folder, 'path', 'temporal'), '1.31.0');
  expect(await find({})).toBe(join(folder, 'path', 'temporal'));
});

test('one on the PATH that is too old is said and skipped for the cached build', async () => {
  fakeTemporal(join(folder, 'path', 'temporal'), '1.30.9');
  mkdirSync(join(folder, 'cache'));
  fakeTemporal(cached(), '1.31.2');
  expect(await find({})).toBe(cached());
  expect(lines).toEqual([`skipping ${join(folder, 'path', 'temporal')}: its server is 1.30, 1.31 or later is needed`]);
});

test('then the download, which is kept for the next time', async () => {
  expect(await find({ download: async (_version, target) => fakeTemporal(target, '1.31.2') })).toBe(cached());
  expect(await find({})).toBe(cached());
  expect(readdirSync(join(folder, 'cache'))).toEqual([`temporal-${version}`]);
});

test('a download that does not run gives way to the build', async () => {
  const download = async (_version: string, target: string) => writeFileSync(target, 'not a program', { mode: 0o755 });
  const build = async (_version: string, target: string) => fakeTemporal(target, '1.31.2');
  expect(await find({ download, build })).toBe(cached());
  expect(lines.at(-1)).toMatch(/^no download \(.*does not run.*\); building it from source instead$/);
});

test('a failed build leaves no half binary to be started', async () => {
  const build = async (_version: string, target: string) => {
    writeFileSync(target, 'half');
    throw new Error('the linker was killed');
  };
  await expect(find({ build })).rejects.toThrow('the linker was killed');
  expect(existsSync(cached())).toBe(false);
});

test('two processes at once obtain it once', async () => {
  let builds = 0;
  const build = async (_version: string, target: string) => {
    builds++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    fakeTemporal(target, '1.31.2');
  };
  expect(await Promise.all([find({ build }), find({ build })])).toEqual([cached(), cached()]);
  expect(builds).toBe(1);
  expect(lines).toContain('waiting for another fleetgraph process that fetches the Temporal server');
});
