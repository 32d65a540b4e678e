import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { readVehicles } from '../../../settings/vehicles.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';

export interface CheckServerDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  settings: () => LegacySyncSettings;
  cancellationSignal: () => AbortSignal;
}

/** Walks the way a sync goes, short of dumping: login, tools, MySQL, one vehicle's new rows. */
export function createCheckServer(deps: CheckServerDependencies): OperatorActivities['checkServer'] {
  return async (serverId) => {
    const steps: string[] = [];
    try {
      const server = await readLegacyServer(deps.pool, serverId);
      const left = await deps.legacyHosts.of(server).listFiles();
      steps.push(`logged in as ${server.user}@${server.host}:${server.port}; ${left.length} folders of ours are there`);
      const { rows } = await deps.pool.query<{ id: string }>(
        'SELECT id FROM vehicles WHERE server_id = $1 ORDER BY id LIMIT 1',
        [serverId],
      );
      if (rows[0] === undefined) steps.push('no vehicle names this server yet, so MySQL was not asked');
      else steps.push(...(await countNewRows(deps, server, rows[0].id)));
      return { ok: true, steps, failure: null };
    } catch (error) {
      const { code, message } = toFailure(error);
      return { ok: false, steps, failure: { code, message } };
    }
  };
}

async function countNewRows(
  { pool, legacyHosts, settings, cancellationSignal }: CheckServerDependencies,
  server: Awaited<ReturnType<typeof readLegacyServer>>,
  vehicleId: string,
): Promise<string[]> {
  const { overlapIds, planCountCap } = settings();
  const [vehicle] = await readVehicles(pool, [vehicleId]);
  const { vehicles, warnings } = await legacyHosts.plan({
    server,
    vehicles: [{ vehicle: vehicle!, fromId: vehicle!.watermark, overlapIds }],
    countCap: planCountCap,
    signal: cancellationSignal(),
  });
  const found = vehicles.map((plan) => {
    if ('failure' in plan) throw new Failure(plan.failure.code, plan.failure.message);
    return `vehicle ${vehicle!.label}: ${plan.capped ? 'at least ' : ''}${plan.newRows} new rows above id ${vehicle!.watermark}`;
  });
  return [...warnings.map((warning) => `warning: ${warning}`), ...found];
}
