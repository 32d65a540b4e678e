import type { LegacyHosts } from '../activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { withOwnHosts } from '../activities/legacy-sync/legacy-host/hosts-of-one-task.ts';
import { createLogger } from '../logger.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';

/** Reaches legacy hosts from this process. */
export const withLegacyHosts = <T>(
  settings: LegacySyncSettings,
  work: (hosts: LegacyHosts) => Promise<T>,
): Promise<T> => withOwnHosts({ settings, logger: createLogger('fleetgraph', 'error') }, work);
