import { readFileSync, readdirSync } from 'node:fs';
import type { Stack } from '../src/stack/stack.ts';

/** Linux counts in ticks of 10 ms on every platform Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that each part has used so far, with everything it started. */
export type CpuSeconds = Record<'worker' | 'PostgreSQL' | 'MariaDB' | 'legacy host' | 'Temporal' | 'bench', number>;

export function cpuSeconds(stack: Stack, workerPid: number | null): CpuSeconds {
  const processes = readProcesses();
  const of = (pid: number | null | undefined): number =>
    pid == null ? 0 : treeTicks(processes, pid) / TICKS_PER_SECOND;
  const own = processes.get(process.pid);
  return {
    worker: of(workerPid),
    PostgreSQL: of(stack.server('postgres').pid),
    MariaDB: of(stack.server('mariadb').pid),
    'legacy host': of(stack.server('sshd').pid),
    Temporal: of(stack.server('temporal').pid),
    // Programs that this process started and has waited for, such as the classic pipeline's, are its own in the end.
    bench: own === undefined ? 0 : own.ticks / TICKS_PER_SECOND,
  };
}

export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  const parts = Object.keys(before) as (keyof CpuSeconds)[];
  return Object.fromEntries(parts.map((part) => [part, Math.max(0, after[part] - before[part])])) as CpuSeconds;
}

export function describeCpu(cpu: Record<string, number>, ms: number, cores: number): string {
  const used = Object.entries(cpu).filter(([, seconds]) => seconds >= 0.05);
  const sum = used.reduce((total, [, seconds]) => total + seconds, 0);
  const share = Math.round((100 * sum) / ((cores * ms) / 1_000));
  const parts = used.sort(([, a], [, b]) => b - a).map(([part, seconds]) => `${part} ${seconds.toFixed(1)}`);
  return `${sum.toFixed(1)} CPU s of ${cores} cores × ${(ms / 1_000).toFixed(1)} s (${share} %): ${parts.join(', ')}`;
}

interface ProcessEntry {
  parent: number;
  /** Own, and of children that have ended and were waited for. */
  ticks: number;
}

function readProcesses(): Map<number, ProcessEntry> {
  const found = new Map<number, ProcessEntry>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The second field is the program's name in brackets, and may hold spaces and brackets itself.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [utime, stime, childUtime, childStime] = fields.slice(11, 15);
      found.set(pid, { parent: fields[1]!, ticks: utime! + stime! + childUtime! + childStime! });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return found;
}

function treeTicks(processes: Map<number, ProcessEntry>, root: number): number {
  let sum = processes.get(root)?.ticks ?? 0;
  for (const [pid, { parent }] of processes) if (parent === root) sum += treeTicks(processes, pid);
  return sum;
}
