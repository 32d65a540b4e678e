import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { findOnPath, lastLines, runCommand } from '../../src/stack/run-command.ts';
import type { Bench } from '../bench-stack.ts';
import { DATABASE, type LegacyReader, TABLE } from '../legacy-positions.ts';

export const PGLOADER_TABLE = `${DATABASE}.${TABLE}`;

export interface Pgloader {
  version: string;
  /** Copies the table into a new one. Returns the milliseconds of the whole, and of the COPY phase without the indexes. */
  load(): Promise<{ ms: number; copyMs: number }>;
  drop(): Promise<void>;
}

/** Finds pgloader on the PATH, else unpacks Debian's package into the user's cache folder; or says why there is none. */
export async function findPgloader(bench: Bench, reader: LegacyReader): Promise<Pgloader | { missing: string }> {
  const binary = findOnPath('pgloader') ?? (await unpackPgloader());
  if (typeof binary !== 'string') return binary;
  const { stdout, exitCode, stderr } = await runCommand(binary, ['--version']);
  if (exitCode !== 0) return { missing: `${binary} does not start: ${lastLines(stderr, 1)}` };
  const version = /version "(.*)"/.exec(stdout)?.[1] ?? 'unknown';
  const commands = join(bench.stack.stateDir, 'bench.load');
  writeFileSync(commands, loadCommands(bench, reader), { mode: 0o600 });
  return {
    version,
    load: () => load(binary, commands, bench.stack.stateDir),
    drop: async () => void (await bench.contenders.pool.query(`DROP SCHEMA IF EXISTS ${DATABASE} CASCADE`)),
  };
}

async function unpackPgloader(): Promise<string | { missing: string }> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fleetgraph', 'pgloader');
  const binary = join(cache, 'usr/bin/pgloader');
  if (existsSync(binary)) return binary;
  if (findOnPath('apt-get') === null) return { missing: 'pgloader is not on PATH and there is no apt-get to fetch it' };
  mkdirSync(cache, { recursive: true });
  const download = await runCommand('apt-get', ['download', 'pgloader'], { cwd: cache });
  const archive = readdirSync(cache).find((name) => /^pgloader_.*\.deb$/.test(name));
  if (download.exitCode !== 0 || archive === undefined) {
    return { missing: `pgloader is not on PATH, and apt-get download failed: ${lastLines(download.stderr, 1)}` };
  }
  const unpack = await runCommand('dpkg', ['-x', archive, cache], { cwd: cache });
  if (unpack.exitCode !== 0) return { missing: `dpkg -x ${archive} failed: ${lastLines(unpack.stderr, 1)}` };
  return binary;
}

/**
 * pgloader's defaults, except the settings that were fastest here. pgloader reads directly from MySQL's port, which a legacy host behind SSH
 * does not offer, into a table without partitions, and builds the indexes afterwards.
 */
function loadCommands({ stack, contenders }: Bench, { user, password }: LegacyReader): string {
  return `LOAD DATABASE
  FROM mysql://${user}:${password}@${stack.mariadb.host}:${stack.mariadb.port}/${DATABASE}
  INTO ${contenders.url.replace(/^postgres:/, 'postgresql:')}
  WITH include drop, create tables, create indexes, reset no sequences, workers = 4, concurrency = 1
  SET MySQL PARAMETERS time_zone = 'UTC'
  CAST type datetime to timestamp drop default drop not null, type timestamp to timestamp drop default drop not null
  INCLUDING ONLY TABLE NAMES MATCHING '${TABLE}';
`;
}

async function load(binary: string, commands: string, cwd: string): Promise<{ ms: number; copyMs: number }> {
  const startedAt = performance.now();
  const { exitCode, stdout, stderr } = await runCommand(binary, ['--root-dir', join(cwd, 'pgloader'), commands], {
    cwd,
  });
  const ms = performance.now() - startedAt;
  if (exitCode !== 0 || /\b(ERROR|FATAL)\b/.test(stdout)) {
    throw new Error(`pgloader ended with ${exitCode}:\n${lastLines(`${stdout}\n${stderr}`)}`);
  }
  const copySeconds = /COPY Threads Completion.*?([0-9.]+)s\s*$/m.exec(stdout)?.[1];
  return { ms, copyMs: copySeconds === undefined ? ms : Number(copySeconds) * 1_000 };
}
