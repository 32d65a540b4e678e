import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkPace } from '../activities/legacy-sync/load/work-pace.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { createMemoryPauses } from './memory-pauses.ts';

type Limits = Pick<LegacySyncSettings, 'maxMemoryMb' | 'maxCpuPercent'>;

const MEGABYTE = 1024 * 1024;
/** What was not used this long ago is not made up for, and what was taken longer ago, by work that is not paced, is not owed. */
const BURST_SECONDS = 0.5;
const DEBT_SECONDS = 1;
/** A look asks the system twice, 80 µs in all, which is what the conversion of 30 rows takes. Pieces may be as small as a pipe's. */
const BETWEEN_LOOKS_MS = 5;
/** A timer is no finer. */
const SHORTEST_MS = 1;
/** Whoever waits looks again so often, because limits may be raised meanwhile. */
const LOOK_MS = 500;
/**
 * After so long one piece goes on in any case: what is not paced may take all of a small share, and a range has to end before its COPY is
 * given up.
 */
const LONGEST_MS = 1_000;

/**
 * Slows the work of this process down to its limits of memory and CPU. All slots share one pace, because they share the process. What is not
 * paced (Temporal, SSH) is counted all the same, so that paced work leaves it its part.
 */
export function createWorkPace(limits: () => Limits, cores: number = availableParallelism()): WorkPace {
  const cpu = createCpuCredit(cores);
  const memory = createMemoryPauses();
  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  let [lookedAt, worked] = [Number.NEGATIVE_INFINITY, 0];
  return async (signal, bytes) => {
    worked += bytes;
    const now = performance.now();
    if (now - lookedAt < BETWEEN_LOOKS_MS) return;
    const workedSince = worked;
    [lookedAt, worked] = [now, 0];
    const end = now + LONGEST_MS;
    for (let owedMs = 1; owedMs > 0 && performance.now() < end; ) {
      owedMs = cpu.owedMs(limits().maxCpuPercent / 100);
      if (owedMs > 0) await pause(Math.min(owedMs, LOOK_MS), signal);
    }
    if (process.memoryUsage.rss() <= limits().maxMemoryMb * MEGABYTE) return;
    const pauseMs = memory.after(workedSince);
    if (pauseMs > 0) await pause(pauseMs, signal);
  };
}

/** Core seconds that this process may still take. They come at the rate of its share of the machine, and go as it works. */
function createCpuCredit(cores: number) {
  let [at, used, credit] = [performance.now(), cpuSeconds(), 0];
  return {
    /** How long nothing may be done, until the credit is no debt any more. */
    owedMs(share: number): number {
      const rate = share * cores;
      const [now, total] = [performance.now(), cpuSeconds()];
      const left = credit + (rate * (now - at)) / 1_000 - (total - used);
      credit = Math.max(-rate * DEBT_SECONDS, Math.min(rate * BURST_SECONDS, left));
      [at, used] = [now, total];
      const owedMs = (-1_000 * credit) / rate;
      if (share < 1) return owedMs < SHORTEST_MS ? 0 : owedMs;
      // No limit: what was taken meanwhile is not owed when there is one again.
      credit = 0;
      return 0;
    },
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
