import type pg from 'pg';
import { LEGACY_SYNC_ALERTS } from '../activities/alerts/legacy-sync-alerts.ts';
import { createIncidentWatch } from '../activities/alerts/watch-incidents.ts';
import type { Logger } from '../logger.ts';
import { readTransportGraphSettings } from '../records/settings.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { createRememberedSettings } from './remembered-settings.ts';
import { type Repeated, repeat } from './repeat.ts';

interface AlertParts {
  pool: pg.Pool;
  settings: () => LegacySyncSettings;
  logger: Logger;
}

/** Looks at regular intervals for what the admin has to be told of the legacy sync. `activities/alerts/legacy-sync-alerts.ts` lists it. */
export function startLegacySyncAlerts({ pool, settings, logger }: AlertParts): Repeated {
  const watch = createIncidentWatch({
    pool,
    logger,
    workerId: 'legacy-sync',
    rules: LEGACY_SYNC_ALERTS,
    bounds: settings,
    // The channels are the whole installation's.
    channels: createRememberedSettings(() => readTransportGraphSettings(pool)),
  });
  return repeat({ what: 'the watch for alerts', waitMs: async () => settings().alertCheckMs, work: watch, logger });
}
