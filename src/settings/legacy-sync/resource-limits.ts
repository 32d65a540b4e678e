import { z } from 'zod';
import { count, setting } from './setting-kinds.ts';

/** What a worker process may use before it starts no further vehicle. */
export const RESOURCE_LIMIT_SETTINGS = {
  maxMemoryMb: setting(
    'resource_limits.max_memory_mb',
    count,
    1024,
    'Memory of a worker process above which it starts no further vehicle until it falls.',
  ),
  maxCpuPercent: setting(
    'resource_limits.max_cpu_percent',
    z.number().positive().max(100),
    100,
    'CPU use of the machine above which a worker process starts no further vehicle until it falls; 100: no limit.',
  ),
} as const;
