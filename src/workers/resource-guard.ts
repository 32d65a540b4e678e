import { cpus } from 'node:os';
import type { WorkPace } from '../activities/legacy-sync/load/work-pace.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { createWorkPace } from './work-pace.ts';

const SAMPLE_MS = 2_000;
const MEGABYTE = 1024 * 1024;

export interface ResourceGuard {
  /** Why this process may start no further vehicle now; null when it may. */
  refusal(): string | null;
  /** For the work that is under way. */
  pace: WorkPace;
  close(): void;
}

/** Watches this process's memory and the machine's CPU against the settings' resource limits. */
export function createResourceGuard(settings: () => LegacySyncSettings): ResourceGuard {
  let before = cpuTimes();
  let cpuPercent = 0;
  const sampler = setInterval(() => {
    const now = cpuTimes();
    const total = now.total - before.total;
    if (total > 0) cpuPercent = (100 * (total - (now.idle - before.idle))) / total;
    before = now;
  }, SAMPLE_MS).unref();
  return {
    refusal() {
      const { maxMemoryMb, maxCpuPercent } = settings();
      const memoryMb = Math.round(process.memoryUsage.rss() / MEGABYTE);
      if (memoryMb > maxMemoryMb) return `this worker process uses ${memoryMb} MB of max_memory_mb ${maxMemoryMb}`;
      if (cpuPercent > maxCpuPercent)
        return `the CPU is at ${Math.round(cpuPercent)} %, above max_cpu_percent ${maxCpuPercent}`;
      return null;
    },
    pace: createWorkPace(settings),
    close: () => clearInterval(sampler),
  };
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return { idle, total };
}
