import { z } from 'zod';
import { count, setting } from './setting-kinds.ts';

/** Whether the number in flight at a legacy server follows how the server copes. */
export const ADAPTIVE_SETTINGS = {
  adaptiveEnabled: setting(
    'adaptive.enabled',
    z.boolean(),
    false,
    'true: a server’s limit begins at 1, grows while more in flight bring more rows, shrinks on trouble, and never exceeds the fixed number.',
  ),
  maxLoadPerCore: setting(
    'adaptive.max_load_per_core',
    z.number().positive(),
    2,
    'A legacy host with a higher load average per core (/proc/loadavg) gets a quarter less in flight, where the limit adapts.',
  ),
  maxThreadsRunning: setting(
    'adaptive.max_threads_running',
    count,
    32,
    'The same for Threads_running of its database.',
  ),
} as const;
