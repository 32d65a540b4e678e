import { z } from 'zod';
import { count, setting } from './setting-kinds.ts';

/** What the slots of a worker process may use together; src/workers/work-pace.ts slows them down to it. */
export const RESOURCE_LIMIT_SETTINGS = {
  maxMemoryMb: setting(
    'resource_limits.max_memory_mb',
    count,
    1024,
    'Memory of a worker process: its slots size their buffers by it, and above it the process starts no further vehicle and works slowly on those it has. Also of each program of a dump at a legacy host, where it is at least 128.',
  ),
  maxCpuPercent: setting(
    'resource_limits.max_cpu_percent',
    z.number().positive().max(100),
    100,
    'Share of the machine’s cores that a worker process slows its imports, comparisons and re-drives down to, and the CPU use of the machine above which it starts no further vehicle; 100: no limit.',
  ),
} as const;
