import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { withHostLock } from '../../src/stack/host-lock.ts';
import { findOnPath, isExecutable, lastLines, runCommand } from '../../src/stack/run-command.ts';

/** Debian 12's. A machine whose release has another takes that one, and says so: the language of rules is the same. */
const PINNED = '2.42.0+ds-5+deb12u1';

/**
 * Prometheus' tool for rules, out of Debian's package, which is unpacked into this machine's cache and not installed; or the reason why there
 * is none.
 */
export async function findPromtool(): Promise<{ program: string } | { missing: string }> {
  const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fleetgraph', 'bin');
  const program = join(cacheDir, `promtool-${PINNED}`);
  if (isExecutable(program)) return { program };
  if (findOnPath('apt-get') === null || findOnPath('dpkg') === null)
    return { missing: 'no Debian to have promtool of' };
  mkdirSync(cacheDir, { recursive: true });
  const missing = await withHostLock(
    `promtool ${program}`,
    () => {},
    () => (isExecutable(program) ? Promise.resolve(null) : unpack(program)),
  );
  return missing === null ? { program } : { missing };
}

/** @returns why there is none, or null */
async function unpack(program: string): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-promtool-'));
  try {
    const refused = await download(folder);
    const [archive] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
    if (archive === undefined) return `Debian's package prometheus could not be downloaded: ${refused}`;
    if (!archive.includes(PINNED)) process.stderr.write(`promtool is of ${archive}, not of ${PINNED}\n`);
    const { exitCode, stderr } = await runCommand('dpkg', ['-x', join(folder, archive), folder]);
    const unpacked = join(folder, 'usr/bin/promtool');
    if (exitCode !== 0 || !existsSync(unpacked)) return `${archive} holds no promtool: ${lastLines(stderr, 1)}`;
    copyFileSync(unpacked, `${program}.part`);
    chmodSync(`${program}.part`, 0o755);
    renameSync(`${program}.part`, program);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The pinned one, before and after a look at what the registry has, or else the release's own. Returns what the last try said. */
async function download(folder: string): Promise<string> {
  const get = (...what: string[]) => runCommand('apt-get', what, { cwd: folder, timeoutMs: 300_000 });
  const pinned = ['download', `prometheus=${PINNED}`];
  const tries = [pinned, ['update', '-q'], pinned, ['download', 'prometheus']];
  let said = '';
  for (const each of tries) {
    const { exitCode, stderr } = await get(...each);
    if (exitCode === 0 && each[0] === 'download') return '';
    said = lastLines(stderr, 1);
  }
  return said;
}
