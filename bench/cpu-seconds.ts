import { readFileSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerName, Stack } from '../src/stack/stack.ts';

/** On every platform of Node Linux counts in ticks of 10 ms. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of each part so far, with all processes that it started, and of the whole machine. */
export type CpuSeconds = Record<
  'worker' | 'API' | 'PostgreSQL' | 'MariaDB' | 'legacy host' | 'Temporal' | 'bench' | 'machine',
  number
>;

const SERVERS: readonly ServerName[] = ['postgres', 'mariadb', 'sshd', 'temporal'];

/** `running`: the servers that this stack has. */
export function cpuSeconds(
  stack: Stack,
  workerPid: number | null,
  running = SERVERS,
  apiPid: number | null = null,
): CpuSeconds {
  const processes = readProcesses();
  const of = (pid: number | null | undefined): number =>
    pid == null ? 0 : treeTicks(processes, pid) / TICKS_PER_SECOND;
  const server = (name: ServerName): number => (running.includes(name) ? of(stack.server(name).pid) : 0);
  const own = processes.get(process.pid);
  return {
    worker: of(workerPid),
    API: of(apiPid),
    PostgreSQL: server('postgres'),
    MariaDB: server('mariadb'),
    'legacy host': server('sshd'),
    Temporal: server('temporal'),
    // This includes programs that the process started and has waited for, such as the classic pipeline's.
    bench: own === undefined ? 0 : own.ticks / TICKS_PER_SECOND,
    machine: machineTicks() / TICKS_PER_SECOND,
  };
}

export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  const parts = Object.keys(before) as (keyof CpuSeconds)[];
  return Object.fromEntries(parts.map((part) => [part, Math.max(0, after[part] - before[part])])) as CpuSeconds;
}

/** Says which parts used the cores in this time. The share of other programs shows how reliable the figure is. */
export function describeCpu({ machine, ...parts }: CpuSeconds, ms: number, children = 'bench'): string {
  const available = (cpus().length * ms) / 1_000;
  const named = Object.entries(parts).map(([part, seconds]) => ({ part: part === 'bench' ? children : part, seconds }));
  const sum = named.reduce((total, { seconds }) => total + seconds, 0);
  const percent = (seconds: number): number => Math.round((100 * Math.max(0, seconds)) / available);
  const used = named.filter(({ seconds }) => seconds >= 0.05).sort((a, b) => b.seconds - a.seconds);
  return (
    `${sum.toFixed(1)} CPU s, ${percent(sum)} % of ${cpus().length} cores: ` +
    `${used.map(({ part, seconds }) => `${part} ${seconds.toFixed(1)}`).join(', ')}; others on this machine ${percent(machine - sum)} %`
  );
}

interface ProcessEntry {
  parent: number;
  /** The process's own ticks, and those of children that have ended and were waited for. */
  ticks: number;
}

function readProcesses(): Map<number, ProcessEntry> {
  const found = new Map<number, ProcessEntry>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The second field is the program's name in brackets, which may contain spaces and brackets.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [utime, stime, childUtime, childStime] = fields.slice(11, 15);
      found.set(pid, { parent: fields[1]!, ticks: utime! + stime! + childUtime! + childStime! });
    } catch {
      // The process ended between the listing and the reading.
    }
  }
  return found;
}

const QUIET_PERCENT = 15;
const QUIET_SAMPLE_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;

/** Waits some time until other programs leave the cores idle. What they use nevertheless is printed beside the figure. */
export async function waitUntilQuiet(): Promise<void> {
  for (let waitedMs = 0; waitedMs < LONGEST_WAIT_MS; waitedMs += QUIET_SAMPLE_MS) {
    const before = machineTicks();
    await sleep(QUIET_SAMPLE_MS);
    const busy = (machineTicks() - before) / TICKS_PER_SECOND / cpus().length / (QUIET_SAMPLE_MS / 1_000);
    if (100 * busy < QUIET_PERCENT) return;
  }
}

/** The ticks of all cores since the start, without those in which they were idle or waited for a disk. */
function machineTicks(): number {
  const [, user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 9).map(Number);
  return user! + nice! + system! + irq! + softIrq!;
}

function treeTicks(processes: Map<number, ProcessEntry>, root: number): number {
  let sum = processes.get(root)?.ticks ?? 0;
  for (const [pid, { parent }] of processes) if (parent === root) sum += treeTicks(processes, pid);
  return sum;
}
