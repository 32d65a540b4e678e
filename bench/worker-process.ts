import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, CLI } from './bench-stack.ts';

/** Megabytes (1024²) of resident memory. */
export interface MemoryUse {
  /** The worker process's highest value, and its averages over the first and the last quarter of the time. */
  peak: number;
  first: number;
  last: number;
  /** The highest value of the programs that the worker starts (zstd). */
  children: number;
}

export interface BenchWorker {
  pid: number;
  memory(): MemoryUse;
  stop(): Promise<void>;
}

const SAMPLE_MS = 100;
/** As docs/operations.md says for a worker that only syncs. */
const SMALL_YOUNG_GENERATION = '--max-semi-space-size=4';

/** Starts a worker with these roles and with the allocator setting of our image and a small young generation. BENCH_CPU_PROFILE=<folder> makes Node write a CPU profile there. */
export async function startBenchWorker({ stack }: Bench, roles = 'legacy-sync'): Promise<BenchWorker> {
  const profile = process.env.BENCH_CPU_PROFILE;
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const nodeArguments = [SMALL_YOUNG_GENERATION, ...profiling];
  const logFile = join(stack.stateDir, 'worker.log');
  // setpriv executes the worker in its own place, and the kernel ends the worker when this process is killed.
  const command = ['--pdeathsig', 'TERM', process.execPath, ...nodeArguments, CLI, 'worker'];
  const child = spawn('setpriv', command, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // It has a session of its own: see on-its-own.ts.
    detached: true,
    env: { ...process.env, FLEETGRAPH_WORKER_ROLES: roles, MALLOC_ARENA_MAX: '2' },
  });
  child.stdout?.pipe(createWriteStream(logFile));
  const exited = once(child, 'exit');
  const ready = await Promise.race([once(child, 'message').then(() => true), exited.then(() => false)]);
  const { pid } = child;
  if (!ready || pid === undefined) throw new Error(`The worker did not start:\n${readFileSync(logFile, 'utf8')}`);
  const samples: Sample[] = [];
  const sampler = setInterval(() => samples.push(sample(pid)), SAMPLE_MS).unref();
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

interface Sample {
  own: number;
  children: number;
}

function memoryUse(samples: Sample[]): MemoryUse {
  const own = samples.map((each) => each.own).filter((mb) => mb > 0);
  const quarter = Math.max(1, Math.floor(own.length / 4));
  const mean = (part: number[]): number => part.reduce((sum, mb) => sum + mb, 0) / Math.max(1, part.length);
  return {
    peak: Math.max(0, ...own),
    first: mean(own.slice(0, quarter)),
    last: mean(own.slice(-quarter)),
    children: Math.max(0, ...samples.map((each) => each.children)),
  };
}

function sample(pid: number): Sample {
  const children = readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return { own: residentMb(pid), children: children.map(residentMb).reduce((sum, mb) => sum + mb, 0) };
}

const PAGE_BYTES = 4_096;

function residentMb(pid: number): number {
  const pages = Number(readOrEmpty(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
  return (pages * PAGE_BYTES) / 1024 ** 2;
}

/** Returns an empty text for a process that has ended meanwhile. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
