import type { MetricMeter } from '@temporalio/common';
import type { Logger } from '../logger.ts';
import { type Repeated, repeat } from './repeat.ts';

/** What a worker process takes of its machine, beside Temporal's own metrics of it. */
export const PROCESS_GAUGES = {
  memory: { name: 'fleetgraph_worker_memory_bytes', help: 'The memory that the worker process has (RSS).' },
  cpu: { name: 'fleetgraph_worker_cpu_percent', help: 'CPU that the worker process takes, of one core.' },
} as const;

const EVERY_MS = 10_000;

/** Measures memory and CPU of this process, by which `resource_limits` are understood. */
export function startProcessGauges({ meter, logger }: { meter: MetricMeter; logger: Logger }): Repeated {
  const memory = meter.createGauge(PROCESS_GAUGES.memory.name, 'int', 'By', PROCESS_GAUGES.memory.help);
  const cpu = meter.createGauge(PROCESS_GAUGES.cpu.name, 'float', '%', PROCESS_GAUGES.cpu.help);
  let before = { at: performance.now(), used: process.cpuUsage() };
  const measure = async (): Promise<void> => {
    memory.set(process.memoryUsage.rss());
    const [at, used] = [performance.now(), process.cpuUsage(before.used)];
    cpu.set((used.user + used.system) / 10 / Math.max(1, at - before.at));
    before = { at, used: process.cpuUsage() };
  };
  return repeat({ what: 'the measuring of the process', waitMs: async () => EVERY_MS, work: measure, logger });
}
