import { z } from 'zod';
import { count, setting } from './setting-kinds.ts';

/** How a dump is imported, and how many of its rows may be bad. */
export const IMPORT_SETTINGS = {
  quarantineMaxPercent: setting(
    'quarantine.max_percent',
    z.number().min(0).max(100),
    1,
    'A range with a larger share of bad rows fails its vehicle …',
  ),
  quarantineMinRows: setting(
    'quarantine.min_rows',
    z.number().int().nonnegative(),
    20,
    '… when it has at least this many bad rows.',
  ),
  databasePoolSize: setting(
    'database.pool_size',
    count,
    5,
    'PostgreSQL connections of one worker process for imports.',
  ),
} as const;
