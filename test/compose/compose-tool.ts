import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withHostLock } from '../../src/stack/host-lock.ts';
import { findOnPath, isExecutable, lastLines, runCommand } from '../../src/stack/run-command.ts';
import { readText, root } from './compose-file.ts';

export type ComposeTool = { command: [string, ...string[]] } | { missing: string };

const MODULE = 'github.com/docker/compose/v2';

/**
 * Docker's own compose, whose `config` needs no engine: the plugin, the program on the PATH, or the version pinned in tools/compose,
 * built with Go once for this machine. A run without servers is meant to be quick and builds nothing.
 */
export async function findCompose(): Promise<ComposeTool> {
  const installed: [string, ...string[]][] = [['docker', 'compose'], ['docker-compose']];
  for (const [program, ...args] of installed) {
    const { exitCode, stdout } = await runCommand(program, [...args, 'version']);
    if (exitCode === 0 && /version v?[2-9]/.test(stdout)) return { command: [program, ...args] };
  }
  const version = new RegExp(`${MODULE} (v\\S+)`).exec(readText('tools/compose/go.mod'))?.[1];
  const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fleetgraph', 'bin');
  const cached = join(cacheDir, `docker-compose-${version}`);
  if (isExecutable(cached)) return { command: [cached] };
  if (process.env['FLEETGRAPH_TEST_SERVERS'] === 'none')
    return { missing: 'no docker compose here; `npm test` builds one' };
  const go = findOnPath('go', ['/usr/local/go/bin']);
  if (go === null) return { missing: 'neither docker compose nor Go to build it with' };
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const failed = await withHostLock(
    `compose ${cached}`,
    () => say('waiting for another build of docker compose'),
    () => (isExecutable(cached) ? Promise.resolve(null) : build({ go, version: `${version}`, cacheDir, cached, say })),
  );
  return failed === null ? { command: [cached] } : { missing: failed };
}

interface Build {
  go: string;
  version: string;
  cacheDir: string;
  cached: string;
  say: (line: string) => void;
}

/** @returns why it failed, or null */
async function build({ go, version, cacheDir, cached, say }: Build): Promise<string | null> {
  const unfinished = `${cached}.part`;
  mkdirSync(cacheDir, { recursive: true });
  const startedAt = performance.now();
  const tell = () =>
    say(
      `building docker compose ${version} (first time, about 3 minutes): ${Math.round((performance.now() - startedAt) / 1000)} s`,
    );
  tell();
  const timer = setInterval(tell, 15_000);
  const flags = `-s -w -X ${MODULE}/internal.Version=${version}`;
  const args = [
    'build',
    '-C',
    join(root, 'tools/compose'),
    '-trimpath',
    '-ldflags',
    flags,
    '-o',
    unfinished,
    `${MODULE}/cmd`,
  ];
  const { exitCode, stderr } = await runCommand(go, args, {
    env: { ...process.env, CGO_ENABLED: '0' },
    timeoutMs: 900_000,
  });
  clearInterval(timer);
  if (exitCode !== 0) {
    rmSync(unfinished, { force: true });
    return `docker compose could not be built: ${lastLines(stderr, 1)}`;
  }
  renameSync(unfinished, cached);
  return null;
}
