import pLimit from 'p-limit';
import { namingDatabaseFailures, sqlState } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { FleetActivities, PlanRunResult } from '../../../workflows/legacy-sync/activities.ts';
import { effectiveWorkers } from './effective-workers.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { allFailed, planServer } from './plan-server.ts';
import { type RunRow, insertRun, readRun } from './run-row.ts';
import { selectVehicles } from './select-vehicles.ts';
import { type ServerPlan, writeServerPlan } from './write-server-plan.ts';

/** Hosts asked at once: a plan is one connection and a few short queries per host, so this bounds our sockets, not their load. */
const HOSTS_AT_ONCE = 8;
/** Data exception, integrity constraint violation. */
const REFUSED_CONTENT = /^2[23]/;
/** Three times within the activity's heartbeat timeout of 10 s. */
const HEARTBEAT_MS = 3_000;

/**
 * Inserts the run and a planned row for each vehicle that has something new. Called again for the same run it goes on where it
 * stopped: a server whose plan is written is not asked again. Errors: InvalidSelection, InvalidSetting, DatabaseUnavailable.
 */
export function createPlanRun(deps: FleetDependencies): FleetActivities['planRun'] {
  return (input) =>
    namingDatabaseFailures(`Planning run ${input.runId}`, async () => {
      const settings = await deps.settings.read();
      const vehicles = await selectVehicles(deps.pool, input.selection);
      const run = await insertRun(deps.pool, input);
      const servers = [...byServer(vehicles)].filter(([serverId]) => !(serverId in run.planning));
      await heartbeating(deps, servers.length, async (serverDone) => {
        const atOnce = pLimit(HOSTS_AT_ONCE);
        const planning = servers.map(([serverId, members]) =>
          atOnce(async () => {
            deps.cancellationSignal().throwIfAborted();
            const plan = await planServer(deps, input, settings, serverId, members);
            await writePlan(deps, input.runId, plan, members);
            serverDone();
          }),
        );
        // All, and only then the first error: a plan must not go on behind an activity that has ended.
        const failed = (await Promise.allSettled(planning)).find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      });
      return resultOf(await readRun(deps.pool, input.runId), effectiveWorkers(settings, input.maxWorkers));
    });
}

/**
 * A plan that PostgreSQL refuses for what is in it would be refused at each retry, and no vehicle of any server would ever start: it fails
 * its own server's vehicles.
 */
async function writePlan(deps: FleetDependencies, runId: string, plan: ServerPlan, members: Vehicle[]): Promise<void> {
  const write = (what: ServerPlan) => inTransaction(deps.pool, (client) => writeServerPlan(client, runId, what));
  try {
    await write(plan);
  } catch (error) {
    const state = sqlState(error);
    if (state === undefined || !REFUSED_CONTENT.test(state)) throw error;
    const { serverId } = plan;
    deps.log.error({ serverId, runId, err: error }, 'a plan was refused');
    const message = `Planning: PostgreSQL refused what ${serverId} answered (SQLSTATE ${state}). The worker's log has the whole of it: please report it.`;
    await write(allFailed(serverId, members, { code: 'Unexpected', message }));
  }
}

async function heartbeating(
  deps: FleetDependencies,
  servers: number,
  work: (serverDone: () => void) => Promise<void>,
): Promise<void> {
  let done = 0;
  const beat = (): void => deps.heartbeat({ serversPlanned: done, servers });
  const timer = setInterval(beat, HEARTBEAT_MS);
  try {
    await work(() => {
      done += 1;
      beat();
    });
  } finally {
    clearInterval(timer);
  }
}

function byServer(vehicles: Vehicle[]): Map<string, Vehicle[]> {
  const groups = new Map<string, Vehicle[]>();
  for (const vehicle of vehicles) {
    const group = groups.get(vehicle.serverId);
    if (group) group.push(vehicle);
    else groups.set(vehicle.serverId, [vehicle]);
  }
  return groups;
}

function resultOf(run: RunRow, workers: number): PlanRunResult {
  const result: PlanRunResult = { planned: 0, upToDate: 0, failed: 0, plannedRows: 0, workers };
  for (const counts of Object.values(run.planning)) {
    result.planned += counts.planned;
    result.upToDate += counts.upToDate;
    result.failed += counts.failed;
    result.plannedRows += counts.plannedRows;
  }
  return result;
}
