import { z } from 'zod';
import { count, setting } from './setting-kinds.ts';

/** What the slots of a worker process may use together; src/workers/work-pace.ts slows them down to it. */
export const RESOURCE_LIMIT_SETTINGS = {
  maxMemoryMb: setting(
    'resource_limits.max_memory_mb',
    count,
    1024,
    'Memory of a worker process above which it starts no further vehicle until it falls, and works slowly on those it has.',
  ),
  maxCpuPercent: setting(
    'resource_limits.max_cpu_percent',
    z.number().positive().max(100),
    100,
    'Share of the machine’s cores that the imports of a worker process are slowed down to, and the CPU use of the machine above which it starts no further vehicle; 100: no limit.',
  ),
} as const;
