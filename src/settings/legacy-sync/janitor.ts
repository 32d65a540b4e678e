import { milliseconds, setting } from './setting-kinds.ts';

/** How often the janitor looks for what a crash left, and how old a file must be before it is removed. `workers/janitor.ts` runs it. */
export const JANITOR_SETTINGS = {
  orphanAfterMs: setting(
    'cleanup.orphan_after_ms',
    milliseconds,
    900_000,
    'Files of ours that nobody alive owns are removed when they are older than this.',
  ),
  janitorIntervalMs: setting(
    'cleanup.interval_ms',
    milliseconds,
    30_000,
    'How often a worker process looks for lost claims and orphaned files.',
  ),
} as const;
