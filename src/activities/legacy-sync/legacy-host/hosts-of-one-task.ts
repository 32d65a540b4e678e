import type { Logger } from 'pino';
import { inProcessPermits } from '../../../connections/ssh/in-process-permits.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { type LegacyHosts, openLegacyHosts } from './legacy-hosts.ts';

/**
 * Reaches legacy hosts for one task: by a person's command, or to look at a server that nobody has configured. It opens one connection only, so it
 * takes no permit that worker processes share, and it leaves the connections alone that a server of the same id has.
 */
export async function withOwnHosts<T>(
  { settings, logger, signal }: { settings: LegacySyncSettings; logger: Logger; signal?: AbortSignal },
  work: (hosts: LegacyHosts) => Promise<T>,
): Promise<T> {
  const one = inProcessPermits(() => 1);
  // Places of their own: a transfer holds its place while it waits for a connection.
  const transfers = inProcessPermits(() => 1);
  const permits = { connections: () => one, transfers: { acquire: () => transfers.acquire() } };
  const hosts = openLegacyHosts({ settings: () => settings, permits, logger });
  const stop = (): void => void hosts.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await work(hosts);
  } finally {
    signal?.removeEventListener('abort', stop);
    await hosts.close();
  }
}
