import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { waitUntilGone } from './processes.ts';
import { lastLines } from './run-command.ts';
import { writeRunRecord } from './run-record.ts';
import { asAccount } from './server-account.ts';
import type { ServerName, ServerSpec } from './server-spec.ts';
import { endProcessesInside } from './sweep.ts';

export interface ServerHandle {
  readonly name: ServerName;
  readonly pid: number | undefined;
  readonly port: number;
  readonly logFile: string;
  /** Waits for the end of the process, except for the signals that only pause or resume it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the server if it runs, and starts it on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

// A cold start on a loaded two-core machine took 3 s; ten times that is a hang.
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const PORT_ATTEMPTS = 20;
/** A program in Go that panics tells the reason above its stack, which takes some kilobytes. */
const LOG_TAIL_BYTES = 16_384;
const LASTING_SIGNALS = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGCONT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']);

class PortTaken extends Error {}

export class ServerProcess implements ServerHandle {
  readonly name: ServerName;
  readonly logFile: string;
  #child: ChildProcess | undefined;
  #ended: Promise<string> = Promise.resolve('');
  #port = 0;
  #expectedToEnd = false;

  constructor(
    private readonly spec: ServerSpec,
    private readonly stateDir: string,
    private readonly report: (line: string) => void,
  ) {
    this.name = spec.name;
    this.logFile = path.join(stateDir, 'log', `${spec.name}.log`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get port(): number {
    return this.#port;
  }

  // The port of the last run is tried first, so that an address that somebody typed yesterday still works.
  async start(preferredPort?: number): Promise<void> {
    mkdirSync(path.dirname(this.logFile), { recursive: true });
    if (existsSync(this.logFile)) renameSync(this.logFile, this.logFile.replace(/\.log$/, '.previous.log'));
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#launch(await freePort(attempt === 1 ? preferredPort : undefined));
      } catch (error) {
        if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#launch(this.#port);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#expectedToEnd ||= !LASTING_SIGNALS.has(signal);
    this.#child?.kill(signal);
    if (!LASTING_SIGNALS.has(signal)) await this.#ended;
  }

  async stop(): Promise<void> {
    this.#expectedToEnd = true;
    const child = this.#child;
    if (child?.pid !== undefined) {
      child.kill(this.spec.stopSignal);
      // A process that SIGSTOP paused handles no other signal until it runs again.
      child.kill('SIGCONT');
      const left = await waitUntilGone([child.pid], STOP_TIMEOUT_MS);
      if (left.length > 0) {
        this.report(
          `${this.spec.title} did not stop within ${STOP_TIMEOUT_MS / 1000} s and was killed. Log: ${this.logFile}`,
        );
        child.kill('SIGKILL');
      }
      await this.#ended;
    }
    await endProcessesInside(this.spec.dir);
    if (this.#port !== 0) await this.spec.afterStop?.(this.#port);
  }

  async #launch(port: number): Promise<void> {
    await endProcessesInside(this.spec.dir);
    await this.spec.beforeStart?.();
    const command = await this.spec.command(port);
    const logFrom = existsSync(this.logFile) ? statSync(this.logFile).size : 0;
    const ended = this.#spawn(command, port);
    try {
      await Promise.race([this.#untilReady(port), this.#failWhenEnded(ended, port, logFrom)]);
      this.#port = port;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  #spawn(command: string[], port: number): Promise<string> {
    const { name, title, account, dir, stopSignal } = this.spec;
    const { binary, args } = asAccount(account, stopSignal.slice(3), command);
    const log = openSync(this.logFile, 'a', 0o644);
    // detached gives the server its own session; else Ctrl-C in the terminal would end the servers before our orderly stop.
    const child = spawn(binary, args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: dir,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', HOME: dir, TMPDIR: dir, ...this.spec.environment },
    });
    closeSync(log);
    this.#expectedToEnd = false;
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) => resolve(signal === null ? `ended with code ${code}` : `ended by ${signal}`));
    });
    void this.#ended.then((how) => {
      if (this.#child === child) this.#child = undefined;
      if (!this.#expectedToEnd && this.#port !== 0) this.report(`${title} ${how} by itself. Its log: ${this.logFile}`);
    });
    if (child.pid !== undefined) writeRunRecord(this.stateDir, { name, pid: child.pid, port, stopSignal });
    return this.#ended;
  }

  async #untilReady(port: number): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    const child = this.#child;
    for (;;) {
      // The process has ended, and another may run on the next port. The promise of its end, which races this one, reports it.
      if (child?.pid === undefined || this.#child !== child) return new Promise(() => {});
      let problem: unknown;
      try {
        await within(Math.max(1, deadline - performance.now()), this.spec.ready(port, child.pid));
        return;
      } catch (error) {
        problem = error;
      }
      if (performance.now() > deadline) {
        const reason = problem instanceof Error ? problem.message : String(problem);
        throw new Error(
          `Cannot start ${this.spec.title}: it runs on port ${port} but did not answer within ${READY_TIMEOUT_MS / 1000} s ` +
            `(last try: ${reason}). Its log: ${this.logFile}`,
          { cause: problem },
        );
      }
      await sleep(10);
    }
  }

  async #failWhenEnded(ended: Promise<string>, port: number, logFrom: number): Promise<never> {
    const how = await ended;
    const tail = this.#logSince(logFrom);
    if (this.spec.busyText.test(tail))
      throw new PortTaken(`Port ${port} was taken before ${this.spec.title} could use it.`);
    throw new Error(
      `Cannot start ${this.spec.title} on port ${port}: it ${how}${panicIn(tail)}. The end of ${this.logFile}:\n${lastLines(tail)}`,
    );
  }

  // Counts in bytes, because a log may contain characters of several bytes.
  #logSince(offset: number): string {
    const size = statSync(this.logFile).size;
    const from = Math.max(offset, size - LOG_TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    const file = openSync(this.logFile, 'r');
    try {
      readSync(file, buffer, 0, buffer.length, from);
    } finally {
      closeSync(file);
    }
    return buffer.toString('utf8');
  }
}

const panicIn = (log: string): string => {
  const panic = /^panic: .*$/m.exec(log)?.[0];
  return panic === undefined ? '' : ` (${panic})`;
};

// Another program on the port may accept the probe and never answer it.
function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
