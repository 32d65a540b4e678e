import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

const CLI = `${checkoutDir()}/dist/cli/main.js`;

export interface FleetWorker {
  pid: number;
  log(): string;
  /** Resolves when the process has ended, for any reason. */
  ended: Promise<void>;
  running(): boolean;
  /** Sends SIGTERM, as a deploy does; resolves when the process has ended. */
  stop(): Promise<number | null>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a worker process as an operator does. Resolves when the worker polls; it ends with the test's process. */
export async function startFleetWorker(environment: Record<string, string>, logFile: string): Promise<FleetWorker> {
  // setpriv executes the worker in its own place, so the child's pid and channel are the worker's.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, CLI, 'worker'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: environment,
  });
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const ended = once(child, 'close').then(() => void log.end());
  const polls = await Promise.race([once(child, 'message').then(() => true), ended.then(() => false)]);
  const readLog = (): string => readFileSync(logFile, 'utf8');
  if (!polls || child.pid === undefined) throw new Error(`The worker ended before it polled. Its log:\n${readLog()}`);
  return {
    pid: child.pid,
    log: readLog,
    ended,
    running: () => child.exitCode === null && child.signalCode === null,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
    kill: (signal = 'SIGKILL') => kill(child, signal, ended),
  };
}

async function kill(child: ChildProcess, signal: NodeJS.Signals, ended: Promise<void>): Promise<void> {
  child.kill(signal);
  if (signal === 'SIGKILL' || signal === 'SIGTERM') await ended;
}

export interface CommandOutput {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `fleetgraph …` as a user does. */
export const runCli = (environment: Record<string, string>, args: string[]): Promise<CommandOutput> =>
  startCli(environment, args).ended;

export const runProgram = (
  program: string,
  args: string[],
  environment: Record<string, string>,
): Promise<CommandOutput> => startProgram(program, args, environment).ended;

export interface RunningProgram {
  process: ChildProcess;
  /** The output so far. */
  said: { stdout: string; stderr: string };
  ended: Promise<CommandOutput>;
}

export const startCli = (environment: Record<string, string>, args: string[]): RunningProgram =>
  startProgram(process.execPath, [CLI, ...args], environment);

export function startProgram(
  program: string,
  args: string[],
  environment: Record<string, string>,
  { detached = false, cwd }: { detached?: boolean; cwd?: string } = {},
): RunningProgram {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
    detached,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said.stderr += text));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, ...said }));
  return { process: child, said, ended };
}

/** What a question of the command line ends with. */
const ASKS = /(?::|\(yes\/no\)) $/;

/** Runs `fleetgraph …` for somebody at a terminal, who gives these answers, one to each question. */
export async function runCliOnTerminal(
  environment: Record<string, string>,
  args: string[],
  answers: readonly string[],
): Promise<Pick<CommandOutput, 'status' | 'stdout'>> {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...environment, SHELL: '/bin/sh', TERM: 'dumb' },
  });
  const left = [...answers];
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    // The terminal shows a question with escapes of its own behind it.
    if (ASKS.test(stripVTControlCharacters(stdout)) && left.length > 0) child.stdin.write(`${left.shift()}\n`);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout: stripVTControlCharacters(stdout) };
}
