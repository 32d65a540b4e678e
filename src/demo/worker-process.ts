import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

export interface WorkerProcess {
  pid: number;
  /** Called with each line that it prints from now on. */
  onLine(listener: (line: string) => void): void;
  stop(): Promise<void>;
}

/** Starts a worker as an operator does, as a process of its own with this process's environment. Resolves when the worker polls. */
export async function startWorkerProcess(logFile: string): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [CLI, 'worker'], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  child.stdout?.pipe(createWriteStream(logFile));
  const lines = child.stdout === null ? null : createInterface(child.stdout);
  const exited = once(child, 'exit');
  const ready = await Promise.race([once(child, 'message').then(() => true), exited.then(() => false)]);
  if (!ready || child.pid === undefined) {
    throw new Error(`The worker ended before it polled its task queue. Its log is ${logFile}.`);
  }
  return {
    pid: child.pid,
    onLine: (listener) => void lines?.on('line', listener),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
