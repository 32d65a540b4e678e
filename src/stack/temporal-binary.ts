import {
  copyFileSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkoutDir } from './checkout-dir.ts';
import { withHostLock } from './host-lock.ts';
import { findOnPath, isExecutable, runCommand } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';
import { buildTemporal } from './temporal-build.ts';
import { downloadTemporal } from './temporal-download.ts';

const OLDEST_SERVER = [1, 31] as const;

export interface TemporalSource {
  cacheDir: string;
  download: (version: string, target: string) => Promise<void>;
  build: (version: string, target: string, report: (line: string) => void) => Promise<void>;
}

function temporalSource(): TemporalSource {
  const cacheHome = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return { cacheDir: path.join(cacheHome, 'fleetgraph', 'bin'), download: downloadTemporal, build: buildTemporal };
}

// Looks on the PATH, then in our cache; else it downloads the official binary, or builds the pinned version (which
// needs Go and a module proxy).
export async function findTemporal(report: (line: string) => void, source = temporalSource()): Promise<string> {
  const installed = await temporalOnPath(report);
  if (installed !== null) return installed;
  const version = pinnedVersion();
  const cached = path.join(source.cacheDir, `temporal-${version}`);
  if (isExecutable(cached)) return cached;
  const wait = () => report('waiting for another fleetgraph process that fetches the Temporal server');
  await withHostLock(`temporal ${cached}`, wait, async () => {
    if (!isExecutable(cached)) await obtain({ version, cached, report, source });
  });
  return cached;
}

async function temporalOnPath(report: (line: string) => void): Promise<string | null> {
  const found = findOnPath('temporal', []);
  if (found === null) return null;
  const server = await serverVersion(found);
  if (server !== null && !isOlder(server)) return found;
  report(
    `skipping ${found}: ${server === null ? 'it does not tell its version' : `its server is ${server.join('.')}`}, ` +
      `${OLDEST_SERVER.join('.')} or later is needed`,
  );
  return null;
}

// The program prints "temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)".
async function serverVersion(binary: string): Promise<number[] | null> {
  const { stdout } = await runCommand(binary, ['--version'], { timeoutMs: 10_000 });
  const match = /\(Server (\d+)\.(\d+)/.exec(stdout);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

function isOlder([major = 0, minor = 0]: number[]): boolean {
  return major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1]);
}

export function pinnedVersion(): string {
  const file = path.join(checkoutDir(), 'temporal', 'go.mod');
  const version = /^(?:require\s+|\s+)github\.com\/temporalio\/cli v(\S+)/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (version === undefined)
    throw new Error(`Cannot tell which Temporal to use: ${file} requires no github.com/temporalio/cli.`);
  return version;
}

interface Wanted {
  version: string;
  cached: string;
  report: (line: string) => void;
  source: TemporalSource;
}

// Writes the binary beside its place, tries it and moves it there, so that a killed download or build leaves no half
// binary to start.
async function obtain({ version, cached, report, source }: Wanted): Promise<void> {
  mkdirSync(path.dirname(cached), { recursive: true });
  const draft = `${cached}.incomplete`;
  rmSync(draft, { force: true });
  try {
    report(`downloading the Temporal server ${version}`);
    await source.download(version, draft);
    await keepIfItRuns(draft, cached);
    return;
  } catch (error) {
    report(`no download (${error instanceof Error ? error.message : String(error)}); building it from source instead`);
  }
  await source.build(version, draft, report);
  await keepIfItRuns(draft, cached);
}

async function keepIfItRuns(draft: string, cached: string): Promise<void> {
  const server = await serverVersion(draft);
  if (server === null || isOlder(server)) {
    rmSync(draft, { force: true });
    throw new Error(`what was obtained as ${path.basename(cached)} does not run or is too old`);
  }
  renameSync(draft, cached);
}

// The server account cannot enter root's home with the cache, so the file gets a second name in the state folder.
export function reachableBy(account: ServerAccount, binary: string, stateDir: string): string {
  const real = realpathSync(binary);
  if (account.dropArgs.length === 0 || isOpenToAll(real)) return real;
  const target = path.join(stateDir, 'bin', 'temporal');
  mkdirSync(path.dirname(target), { recursive: true, mode: 0o711 });
  rmSync(target, { force: true });
  try {
    linkSync(real, target);
  } catch {
    copyFileSync(real, target, constants.COPYFILE_FICLONE);
  }
  return target;
}

function isOpenToAll(file: string): boolean {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return false;
    if (dir === path.dirname(dir)) break;
  }
  return (statSync(file).mode & 0o005) === 0o005;
}
