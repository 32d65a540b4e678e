import type pg from 'pg';
import type { Logger } from '../../../logger.ts';
import { listLegacyServers, readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LocalStaging } from '../load/local-staging.ts';

export interface SweptFiles {
  remote: number;
  local: number;
}

export interface SweepDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  staging: LocalStaging;
  orphanAfterMs: () => number;
  logger: Logger;
}

interface OwnedFolder {
  vehicleId: string;
  runId: string;
  ageMs: number;
}

/** A key of its own in PostgreSQL's advisory lock space: one process at a time sweeps a legacy server. */
const SWEEP_LOCK = 'fleetgraph sweep';

/**
 * Removes folders whose owner, a vehicle's claim in a run, is not alive, once they are older than the limit: on this host, and on every
 * legacy server that no other process is sweeping right now.
 */
export function createSweepOrphans(deps: SweepDependencies): (signal: AbortSignal) => Promise<SweptFiles> {
  return async (signal) => {
    const local = await orphansAmong(deps, await deps.staging.list());
    for (const owner of local) await deps.staging.remove(owner);
    let remote = 0;
    for (const serverId of await listLegacyServers(deps.pool)) {
      if (signal.aborted) break;
      remote += await sweepServer(deps, serverId, signal);
    }
    return { local: local.length, remote };
  };
}

async function sweepServer(deps: SweepDependencies, serverId: string, signal: AbortSignal): Promise<number> {
  const client = await deps.pool.connect();
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1), hashtext($2)) AS mine',
      [SWEEP_LOCK, serverId],
    );
    if (!rows[0]?.mine) return 0;
    try {
      const host = deps.legacyHosts.of(await readLegacyServer(deps.pool, serverId));
      const orphans = await orphansAmong(deps, await host.listFiles(signal));
      for (const owner of orphans) await host.removeFiles(owner, signal);
      return orphans.length;
    } finally {
      await client.query('SELECT pg_advisory_unlock(hashtext($1), hashtext($2))', [SWEEP_LOCK, serverId]);
    }
  } catch (error) {
    deps.logger.info({ err: error, serverId }, 'a legacy server could not be swept now');
    return 0;
  } finally {
    client.release();
  }
}

async function orphansAmong(
  { pool, orphanAfterMs }: SweepDependencies,
  folders: OwnedFolder[],
): Promise<OwnedFolder[]> {
  const old = folders.filter(({ ageMs }) => ageMs > orphanAfterMs());
  if (old.length === 0) return [];
  const { rows } = await pool.query<{ owner: string }>(
    `SELECT run_id || '/' || vehicle_id AS owner FROM vehicle_syncs WHERE state = 'claimed'`,
  );
  const alive = new Set(rows.map(({ owner }) => owner));
  return old.filter(({ runId, vehicleId }) => !alive.has(`${runId}/${vehicleId}`));
}
