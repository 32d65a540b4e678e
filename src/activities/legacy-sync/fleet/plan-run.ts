import pLimit from 'p-limit';
import { namingDatabaseFailures, sqlState } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { slotsAtStart } from '../../../records/forecasts.ts';
import { usefulSlots } from '../../../records/open-work.ts';
import { type RunRow, insertRun, readRunRow } from '../../../records/sync-runs.ts';
import { type RunWarning, warnRun } from '../../../records/run-warnings.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { FleetActivities, PlanRunInput, PlanRunResult } from '../../../workflows/legacy-sync/activities.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
import { addNewVehicles } from './add-new-vehicles.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import { keepForecast } from './forecast-run.ts';
import { allFailed, planServer } from './plan-server.ts';
import { selectVehicles } from './select-vehicles.ts';
import { heartbeating } from '../../heartbeating.ts';
import { type ServerPlan, writeServerPlan } from './write-server-plan.ts';

/** Hosts asked at once: a plan is one connection and a few short queries per host, so this bounds our sockets, not their load. */
const HOSTS_AT_ONCE = 8;
/** SQLSTATE classes of a refusal that no retry mends: data exception, integrity constraint violation. */
const REFUSED_CONTENT = /^2[23]/;

/**
 * Inserts the run and a planned row for each vehicle that has something new. A second call for the same run asks only the servers whose
 * plan is not written yet. Errors: InvalidSelection, InvalidSetting, DatabaseUnavailable.
 */
export function createPlanRun(deps: FleetDependencies): FleetActivities['planRun'] {
  return (input) =>
    namingDatabaseFailures(`Planning run ${input.runId}`, async () => {
      const settings = await deps.settings.read();
      const { vehicles, warnings } = await withNewVehicles(deps, input, settings);
      const run = await insertRun(deps.pool, input).catch((error: unknown) => refuseContent(error));
      if (warnings.length > 0) await warnRun(deps.pool, input.runId, warnings);
      const servers = [...byServer(vehicles)].filter(([serverId]) => !(serverId in run.planning));
      await tellingServers(deps, servers.length, async (serverDone) => {
        const atOnce = pLimit(HOSTS_AT_ONCE);
        const planning = servers.map(([serverId, members]) =>
          atOnce(async () => {
            deps.cancellationSignal().throwIfAborted();
            const plan = await planServer(deps, { run: input, settings, serverId, vehicles: members });
            await writePlan(deps, input.runId, plan, members);
            serverDone();
          }),
        );
        // The first error waits until all plans have ended, because no plan may go on after its activity.
        const failed = (await Promise.allSettled(planning)).find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      });
      const workers = effectiveWorkers(settings, input.maxWorkers);
      await keepForecast(deps.pool, input, { settings, workers });
      const wanted = (await slotsAtStart(deps.pool, input.runId)) ?? workers;
      const useful = Math.max(1, await usefulSlots(deps.pool, input.runId, wanted));
      return resultOf(await readRunRow(deps.pool, input.runId), useful);
    });
}

/** The vehicles that a run is of, those among them that it has just found. */
async function withNewVehicles(
  deps: FleetDependencies,
  { runId, selection }: PlanRunInput,
  { autoAddVehicles }: LegacySyncSettings,
): Promise<{ vehicles: Vehicle[]; warnings: RunWarning[] }> {
  const selected = await selectVehicles(deps.pool, selection);
  const autoAdd = autoAddVehicles && selection.kind === 'all';
  const { added, warnings } = await tellingServers(deps, 0, () => addNewVehicles(deps, { runId, autoAdd, selected }));
  return { vehicles: added > 0 ? await selectVehicles(deps.pool, selection) : selected, warnings };
}

/** A run whose selection or name PostgreSQL cannot keep is never planned, however often it is tried. */
function refuseContent(error: unknown): never {
  const state = sqlState(error);
  if (state === undefined || !REFUSED_CONTENT.test(state)) throw error;
  throw new Failure(
    'InvalidSelection',
    `Starting a fleet sync: PostgreSQL cannot keep its selection or requestedBy (SQLSTATE ${state}), as with a NUL in a text. Nothing was started.`,
    { cause: error },
  );
}

/**
 * Writes the plan of a server. A plan whose content PostgreSQL refuses fails the vehicles of that server: a retry would be refused too, and
 * no vehicle of any server would ever start.
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

/** Heartbeats with how many servers are planned, and at once when another one is. */
function tellingServers<T>(
  deps: FleetDependencies,
  servers: number,
  work: (serverDone: () => void) => Promise<T>,
): Promise<T> {
  let done = 0;
  const planned = () => ({ serversPlanned: done, servers });
  return heartbeating(deps.heartbeat, planned, () =>
    work(() => {
      done += 1;
      deps.heartbeat(planned());
    }),
  );
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
