import { LEGACY_SYNC_ALERT_SETTINGS } from './legacy-sync/alerts.ts';
import { ADAPTIVE_SETTINGS } from './legacy-sync/adaptive.ts';
import { CIRCUIT_SETTINGS } from './legacy-sync/circuit.ts';
import { EXPORT_SETTINGS } from './legacy-sync/export.ts';
import { IMPORT_SETTINGS } from './legacy-sync/import.ts';
import { JANITOR_SETTINGS } from './legacy-sync/janitor.ts';
import { RECONCILE_SETTINGS } from './legacy-sync/reconcile.ts';
import { RESOURCE_LIMIT_SETTINGS } from './legacy-sync/resource-limits.ts';
import { RETRY_SETTINGS } from './legacy-sync/retry.ts';
import { SERVER_SETTINGS } from './legacy-sync/server.ts';
import { SSH_SETTINGS } from './legacy-sync/ssh.ts';
import { TRANSFER_SETTINGS } from './legacy-sync/transfer.ts';
import { VEHICLE_SETTINGS } from './legacy-sync/vehicles.ts';
import { WORKER_POOL_SETTINGS } from './legacy-sync/worker-pool.ts';

/**
 * Everything a fleet sync can be tuned with: a file per subject, and one list here. docs/settings.md is generated from it, and
 * `fleetgraph migrate` adds missing rows.
 */
export const LEGACY_SYNC_SETTINGS = {
  ...WORKER_POOL_SETTINGS,
  ...RETRY_SETTINGS,
  ...RESOURCE_LIMIT_SETTINGS,
  ...SSH_SETTINGS,
  ...SERVER_SETTINGS,
  ...ADAPTIVE_SETTINGS,
  ...CIRCUIT_SETTINGS,
  ...TRANSFER_SETTINGS,
  ...EXPORT_SETTINGS,
  ...IMPORT_SETTINGS,
  ...VEHICLE_SETTINGS,
  ...JANITOR_SETTINGS,
  ...LEGACY_SYNC_ALERT_SETTINGS,
  ...RECONCILE_SETTINGS,
} as const;

export type LegacySyncSettings = {
  [K in keyof typeof LEGACY_SYNC_SETTINGS]: (typeof LEGACY_SYNC_SETTINGS)[K]['default'];
};

/** What holds where nobody has set anything. */
export const defaultSettings = (): LegacySyncSettings =>
  Object.fromEntries(
    Object.entries(LEGACY_SYNC_SETTINGS).map(([name, setting]) => [name, setting.default]),
  ) as unknown as LegacySyncSettings;
