import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { readVehicle } from '../../../settings/vehicles.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';

export interface CheckServerDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  settings: () => LegacySyncSettings;
  cancellationSignal: () => AbortSignal;
}

/** As `walkServer`, with a failure as an answer: a server that cannot be used is what was asked about. */
export function createCheckServer(deps: CheckServerDependencies): OperatorActivities['checkServer'] {
  return async (serverId) => {
    const steps: string[] = [];
    try {
      await walkServer(deps, serverId, (step) => steps.push(step));
      return { ok: true, steps, failure: null };
    } catch (error) {
      const { code, message } = toFailure(error);
      return { ok: false, steps, failure: { code, message } };
    }
  };
}

/**
 * Walks the way a sync goes, short of dumping: login, tools, MySQL, one vehicle's new rows. Each step is said when it is done; what stops
 * the walk is thrown as a Failure.
 */
export async function walkServer(
  deps: CheckServerDependencies,
  serverId: string,
  say: (step: string) => void,
): Promise<void> {
  const server = await readLegacyServer(deps.pool, serverId);
  const left = await deps.legacyHosts.of(server).listFiles();
  say(`logged in as ${server.user}@${server.host}:${server.port}; ${left.length} folders of ours are there`);
  const { rows } = await deps.pool.query<{ id: string }>(
    'SELECT id FROM vehicles WHERE server_id = $1 ORDER BY id LIMIT 1',
    [serverId],
  );
  if (rows[0] === undefined) say('no vehicle names this server yet, so MySQL was not asked');
  else await countNewRows(deps, server, rows[0].id, say);
}

async function countNewRows(
  { pool, legacyHosts, settings, cancellationSignal }: CheckServerDependencies,
  server: LegacyServer,
  vehicleId: string,
  say: (step: string) => void,
): Promise<void> {
  const vehicle = await readVehicle(pool, vehicleId);
  const { vehicles, warnings } = await legacyHosts.plan({
    server,
    vehicles: [{ vehicle, fromId: vehicle.watermark, seen: null }],
    countCap: settings().planCountCap,
    signal: cancellationSignal(),
  });
  for (const warning of warnings) say(`warning: ${warning}`);
  for (const plan of vehicles) {
    if ('failure' in plan) throw new Failure(plan.failure.code, plan.failure.message);
    const { capped, newRows } = plan;
    say(`vehicle ${vehicle.label}: ${capped ? 'at least ' : ''}${newRows} new rows above id ${vehicle.watermark}`);
  }
}
