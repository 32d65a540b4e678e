import { walkServer } from '../activities/legacy-sync/fleet/check-server.ts';
import { openLegacyHosts } from '../activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { inProcessPermits } from '../connections/ssh/in-process-permits.ts';
import { createLogger } from '../logger.ts';
import { readSettings } from '../settings/store.ts';
import type { Session } from './session.ts';

/** Walks the way a sync goes, short of dumping, from here. One connection, so no shared permit is taken. */
export async function tryServer({ postgres }: Session, id: string): Promise<void> {
  const settings = await readSettings(postgres);
  const one = inProcessPermits(() => 1);
  const permits = { connections: () => one, transfers: { acquire: () => one.acquire() } };
  const legacyHosts = openLegacyHosts({
    settings: () => settings,
    permits,
    logger: createLogger('fleetgraph', 'warn'),
  });
  const cancellationSignal = (): AbortSignal => new AbortController().signal;
  try {
    await walkServer({ pool: postgres, legacyHosts, settings: () => settings, cancellationSignal }, id, (step) =>
      console.log(step),
    );
  } finally {
    await legacyHosts.close();
  }
}
