import { z } from 'zod';
import { setting } from './setting-kinds.ts';

/** When the pipeline runs by itself. */
export const SCHEDULE_SETTINGS = {
  scheduleEnabled: setting('schedule.enabled', z.boolean(), true, 'Whether the schedule is created at all.'),
  scheduleIntervalMs: setting(
    'schedule.interval_ms',
    z.number().int().min(60_000),
    21_600_000,
    'How often the pipeline runs.',
  ),
  scheduleCatchUpMs: setting(
    'schedule.catch_up_ms',
    z.number().int().min(10_000),
    3_600_000,
    'A run that was missed, because Temporal was down, is made up for this long.',
  ),
} as const;
