import type { Logger } from 'pino';
import { readPassword, readSecret } from '../../../connections/secrets.ts';
import type { ConnectionPermits } from '../../../connections/ssh/connection-permits.ts';
import { createSshPool, type SshPool } from '../../../connections/ssh/ssh-pool.ts';
import type { SshPoolLimits, SshTarget } from '../../../connections/ssh/ssh-target.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { HostLoad } from '../../../pool/adaptive-limit.ts';
import type { HostRates } from '../../../pool/host-rates.ts';
import type { LineMeter } from '../../../pool/line-speed.ts';
import type { LegacyPlanner } from './legacy-planner.ts';
import { readableHere } from './compression.ts';
import { createLegacyHost, type LegacyHost } from './legacy-host.ts';
import { transferPlaces, type TransferPermitsOfServer } from './transfer-places.ts';

/** This process's access to every legacy server: one pool of connections for each. */
export interface LegacyHosts extends LegacyPlanner {
  /** The host as its row is now. A changed address, login or key gets new connections. */
  of(server: LegacyServer): LegacyHost;
  close(): Promise<void>;
}

export interface LegacyHostsParts {
  settings: () => LegacySyncSettings;
  permits: {
    connections(serverId: string): ConnectionPermits;
    transfers: { acquire(serverId: string, signal?: AbortSignal): ReturnType<TransferPermitsOfServer['acquire']> };
  };
  rates?: (server: LegacyServer) => HostRates;
  line?: (server: LegacyServer) => LineMeter;
  onLoad?: (serverId: string, load: HostLoad) => void;
  logger: Logger;
}

interface Known {
  /** The current row; limits are read from it at each use. */
  row: { server: LegacyServer };
  address: string;
  described: string;
  pool: SshPool;
  target: SshTarget;
  host: LegacyHost;
}

export function openLegacyHosts(parts: LegacyHostsParts): LegacyHosts {
  const known = new Map<string, Known>();
  const leaving = new Set<Promise<void>>();
  const readable = readableHere();

  function of(server: LegacyServer): LegacyHost {
    const before = known.get(server.id);
    const described = JSON.stringify(server);
    if (before?.described === described) return before.host;
    const connected = before?.address === addressOf(server) ? before : connect(server, parts);
    if (before !== undefined && before !== connected) leave(before.pool);
    connected.row.server = server;
    const host = createLegacyHost({
      pool: connected.pool,
      target: connected.target,
      server,
      settings: parts.settings,
      logger: parts.logger,
      readable,
      line: parts.line?.(server),
      rates: parts.rates?.(server),
      onLoad: parts.onLoad && ((load) => parts.onLoad?.(server.id, load)),
      transfers: transferPlaces({ acquire: (signal) => parts.permits.transfers.acquire(server.id, signal) }, server.id),
      readPassword: async () => (server.mysqlPasswordRef === null ? null : readPassword(server.mysqlPasswordRef)),
    });
    known.set(server.id, { ...connected, described, host });
    return host;
  }

  /** Closes the old connections when the work under way over them has ended. */
  function leave(pool: SshPool): void {
    const done = closeWhenUnused(pool).finally(() => leaving.delete(done));
    leaving.add(done);
  }

  return {
    of,
    plan: ({ server, ...request }) => of(server).plan(request),
    close: async () => {
      await Promise.all([...[...known.values()].map(({ pool }) => pool.close()), ...leaving]);
    },
  };
}

function connect(
  server: LegacyServer,
  { settings, permits, logger }: LegacyHostsParts,
): Omit<Known, 'described' | 'host'> {
  const row = { server };
  const target: SshTarget = {
    id: server.id,
    host: server.host,
    port: server.port,
    user: server.user,
    readKey: () => readSecret(server.privateKeyRef),
    hostKeyFingerprints: server.hostKeyFingerprints,
    legacyAlgorithms: server.limits.legacyAlgorithms,
  };
  const limits: SshPoolLimits = {
    connections: () => row.server.limits.connectionPoolSize ?? settings().connectionPoolSize,
    sessionsPerConnection: () => settings().sessionsPerConnection,
    connectTimeoutMs: () => settings().connectTimeoutMs,
    keepaliveMs: () => settings().keepaliveMs,
    idleProbeMs: () => settings().idleProbeMs,
    idleCloseMs: () => settings().idleCloseMs,
  };
  const pool = createSshPool({ target, limits, permits: permits.connections(server.id), logger });
  return { row, address: addressOf(server), pool, target };
}

/** What identifies a connection: when one of these values changes, the old connections do not lead to the new server. */
function addressOf({ host, port, user, privateKeyRef, hostKeyFingerprints, limits }: LegacyServer): string {
  return JSON.stringify([host, port, user, privateKeyRef, hostKeyFingerprints, limits.legacyAlgorithms]);
}

const LOOK_MS = 500;

async function closeWhenUnused(pool: SshPool): Promise<void> {
  for (let stats = pool.stats(); stats.sessions + stats.waiting > 0; stats = pool.stats()) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref());
  }
  await pool.close();
}
