import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, CLI } from './bench-stack.ts';

export interface MemoryUse {
  /** Megabytes of the worker and what it has started, at the highest, and averaged over the first and the last quarter of the time. */
  peak: number;
  first: number;
  last: number;
}

export interface BenchWorker {
  pid: number;
  memory(): MemoryUse;
  stop(): Promise<void>;
}

const SAMPLE_MS = 100;

/** A worker as an operator runs it. BENCH_CPU_PROFILE=<folder> makes Node leave a CPU profile there. */
export async function startBenchWorker({ stack }: Bench): Promise<BenchWorker> {
  const profile = process.env.BENCH_CPU_PROFILE;
  const nodeArguments = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const logFile = join(stack.stateDir, 'worker.log');
  const child = spawn(process.execPath, [...nodeArguments, CLI, 'worker'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child.stdout?.pipe(createWriteStream(logFile));
  const exited = once(child, 'exit');
  const ready = await Promise.race([once(child, 'message').then(() => true), exited.then(() => false)]);
  const { pid } = child;
  if (!ready || pid === undefined) throw new Error(`The worker did not start:\n${readFileSync(logFile, 'utf8')}`);
  const samples: number[] = [];
  const sampler = setInterval(() => samples.push(residentMb(pid)), SAMPLE_MS).unref();
  return {
    pid,
    memory: () => memoryUse(samples),
    async stop() {
      clearInterval(sampler);
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function memoryUse(samples: number[]): MemoryUse {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const mean = (part: number[]): number => part.reduce((sum, mb) => sum + mb, 0) / Math.max(1, part.length);
  return { peak: Math.max(0, ...samples), first: mean(samples.slice(0, quarter)), last: mean(samples.slice(-quarter)) };
}

/** Of a process and, since the worker decompresses and copies by programs of its own, of all below it. */
function residentMb(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return (pages * 4_096) / 1024 ** 2 + children.reduce((sum, child) => sum + residentMb(Number(child)), 0);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
