import { z } from 'zod';
import { milliseconds, setting } from './setting-kinds.ts';

/** When the admin is told of the legacy sync. `activities/alerts/legacy-sync-alerts.ts` has the alerts, `alert-channels.ts` where they go. */
export const LEGACY_SYNC_ALERT_SETTINGS = {
  alertFailedVehicles: setting(
    'alert.failed_vehicles',
    z.number().int().nonnegative(),
    10,
    'The admin is told of a fleet sync that ended with more failed vehicles than this.',
  ),
  alertSuccessPercent: setting(
    'alert.success_percent',
    z.number().min(0).max(100),
    90,
    'The admin is told, as of something critical, when a smaller share of a fleet sync’s vehicles succeeded.',
  ),
  alertCircuitOpenMs: setting(
    'alert.circuit_open_ms',
    milliseconds,
    900_000,
    'The admin is told of a circuit that is not closed, or of a server that fails its health checks, for this long. Of a circuit that is held the admin is told at once.',
  ),
  alertCheckMs: setting(
    'alert.check_ms',
    milliseconds,
    15_000,
    'How often a worker looks for what the admin has to be told of.',
  ),
} as const;
