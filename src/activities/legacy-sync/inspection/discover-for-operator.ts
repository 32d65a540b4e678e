import type pg from 'pg';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { DiscoveryInput, DiscoveryResult } from '../../../workflows/legacy-sync/inspection.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { addFound, findNewVehicles } from './find-new-vehicles.ts';

interface Dependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  cancellationSignal: () => AbortSignal;
}

/** A fleet may have ten thousand vehicles, and the answer lies in a workflow's history: so many are named, and all are counted. */
const MOST_NAMED = 200;

const NOTHING: DiscoveryResult = {
  failure: null,
  vehicles: 0,
  fresh: [],
  freshCount: 0,
  missing: [],
  missingCount: 0,
  skipped: [],
  added: 0,
};

/** The activity: a failure is its answer, as that of a server's test is. Two at once add a vehicle once. */
export function createDiscoverVehicles(deps: Dependencies): OperatorActivities['discoverVehicles'] {
  return async (input) => {
    try {
      return await discover(deps, input);
    } catch (error) {
      const { code, message } = toFailure(error);
      return { ...NOTHING, failure: { code, message } };
    }
  };
}

async function discover(
  { pool, legacyHosts: hosts, cancellationSignal }: Dependencies,
  { serverId, table, add, actor, reason }: DiscoveryInput,
): Promise<DiscoveryResult> {
  const signal = cancellationSignal();
  const { vehicles, fresh, missing, skipped } = await findNewVehicles({ pool, hosts }, { serverId, table, signal });
  const added = add ? await addFound(pool, serverId, { found: vehicles, actor, reason }) : [];
  return {
    failure: null,
    vehicles: vehicles.length,
    fresh: fresh.slice(0, MOST_NAMED).map(named),
    freshCount: fresh.length,
    missing: missing.slice(0, MOST_NAMED).map(({ id, ...vehicle }) => ({ id, ...named(vehicle) })),
    missingCount: missing.length,
    skipped: skipped.slice(0, MOST_NAMED),
    added: added.length,
  };
}

const named = ({
  label,
  table,
  legacyVehicleId,
}: DiscoveryResult['fresh'][number]): DiscoveryResult['fresh'][number] => ({
  label,
  table,
  legacyVehicleId,
});
