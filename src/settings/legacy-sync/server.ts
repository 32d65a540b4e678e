import { z } from 'zod';
import { isQuietHours } from '../quiet-hours.ts';
import { count, setting } from './setting-kinds.ts';

const rate = z.number().nonnegative();
export const quietHours = z.string().refine(isQuietHours).meta({
  description: '`07:00-09:00 Europe/Belgrade`, several after a comma, or empty; without a zone the server’s own',
});

/** Limits of one legacy server, over all runs, and how often it is looked at while nothing runs. */
export const SERVER_SETTINGS = {
  maxConcurrentVehicles: setting(
    'server.max_concurrent_vehicles',
    count,
    8,
    'Vehicles in flight at one legacy server, over all runs; a server may have its own limit.',
  ),
  dumpsPerSecond: setting(
    'server.dumps_per_second',
    rate,
    0,
    'Dumps that may begin at one legacy server per second, over all runs and workers; 0: no limit. A server may have its own, as with the next three.',
  ),
  rowsPerSecond: setting('server.rows_per_second', rate, 0, 'Rows that may be dumped there per second; 0: no limit.'),
  bytesPerSecond: setting(
    'server.bytes_per_second',
    rate,
    0,
    'Bytes of dumps, compressed, that may come from there per second; 0: no limit.',
  ),
  quietHours: setting(
    'server.quiet_hours',
    quietHours,
    '',
    'Times of day at which one vehicle at a time is in flight at a legacy server, and no full sync goes on.',
  ),
  endBeforeQuietHours: setting(
    'server.end_before_quiet_hours',
    z.boolean(),
    false,
    'true: a run that a schedule starts leaves for later what, by its forecast, would not end before a server’s quiet hours begin.',
  ),
  checkIntervalMs: setting(
    'server.check_interval_ms',
    z
      .number()
      .int()
      .nonnegative()
      .max(7 * 86_400_000),
    300_000,
    'How often the way to each legacy server and its MySQL are tried, also when nothing is synced; 0: never.',
  ),
} as const;
