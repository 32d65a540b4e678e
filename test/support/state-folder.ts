import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stackStateDir } from '../../src/stack/state-dir.ts';

// A fixed name per test file, so that the next run wipes what a killed one left.
export function stateFolder(name: string): string {
  return `${stackStateDir('test')}-${name}`;
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`);
    await sleep(20);
  }
}

export interface DevCommand {
  process: ChildProcess;
  output(): string;
  untilUp(): Promise<void>;
  ended: Promise<number | NodeJS.Signals | null>;
}

/** Starts `npm run dev` without npm: the compiled command in a process of its own. */
export function startDevCommand(baseDir: string): DevCommand {
  const main = join(import.meta.dirname, '..', '..', 'dist', 'stack', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing: run \`npm run build\` first.`);
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, FLEETGRAPH_STATE_DIR: baseDir, FLEETGRAPH_STACK: 'binaries', TEMPORAL_ADDRESS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  return {
    process: child,
    output: () => output,
    ended,
    untilUp: () =>
      until(
        'the dev command is up',
        () => {
          if (child.exitCode !== null) throw new Error(`The dev command ended:\n${output}`);
          return output.includes('Ctrl-C stops them');
        },
        60_000,
      ),
  };
}

export function readEnvironment(file: string): Record<string, string> {
  const pairs = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => /^[A-Z_]+=/.test(line))
    .map((line) => line.split(/=(.*)/s).slice(0, 2));
  return Object.fromEntries(pairs) as Record<string, string>;
}
