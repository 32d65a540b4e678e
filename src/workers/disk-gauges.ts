import { statfs } from 'node:fs/promises';
import type { MetricMeter } from '@temporalio/common';
import type { Logger } from '../logger.ts';
import { type Repeated, repeat } from './repeat.ts';

/** Beside Temporal's own metrics of a worker, where FLEETGRAPH_WORKER_METRICS_ADDRESS says. */
export const DISK_GAUGES = {
  free: { name: 'fleetgraph_worker_disk_free_bytes', help: 'What is free for dumps on the worker’s disk.' },
  size: { name: 'fleetgraph_worker_disk_bytes', help: 'The size of the worker’s disk for dumps.' },
} as const;

const EVERY_MS = 15_000;

interface DiskParts {
  meter: MetricMeter;
  /** Any folder of the disk. */
  folder: string;
  logger: Logger;
}

/** Measures the disk that dumps pass through. */
export function startDiskGauges({ meter, folder, logger }: DiskParts): Repeated {
  const gaugeOf = ({ name, help }: (typeof DISK_GAUGES)[keyof typeof DISK_GAUGES]) =>
    meter.createGauge(name, 'float', 'By', help);
  const [free, size] = [gaugeOf(DISK_GAUGES.free), gaugeOf(DISK_GAUGES.size)];
  const measure = async (): Promise<void> => {
    const { bavail, blocks, bsize } = await statfs(folder);
    free.set(bavail * bsize, { volume: 'staging' });
    size.set(blocks * bsize, { volume: 'staging' });
  };
  return repeat({ what: 'the measuring of the disk', waitMs: async () => EVERY_MS, work: measure, logger });
}
