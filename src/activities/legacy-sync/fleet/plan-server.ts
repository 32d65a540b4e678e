import { Failure } from '../../../errors.ts';
import { describeBreaker } from '../../../pool/breaker.ts';
import { readBreaker } from '../../../pool/breaker-store.ts';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { misfit } from '../../../settings/vehicles.ts';
import type { PlanRunInput } from '../../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';
import { toFailure } from '../../activity-failures.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import type { LegacyPlan, LegacyPlanRequest, SeenWindow } from './legacy-planner.ts';
import { readSeenWindows } from './seen-windows.ts';
import type { ServerPlan, UnplannedVehicle } from './write-server-plan.ts';

/**
 * Asks one legacy host what is new for these vehicles. Whatever is wrong with the server is each vehicle's failure, never the run's.
 * Errors: DatabaseUnavailable, or the cancellation.
 */
export async function planServer(
  deps: FleetDependencies,
  run: PlanRunInput,
  settings: LegacySyncSettings,
  serverId: string,
  vehicles: Vehicle[],
): Promise<ServerPlan> {
  try {
    const server = await readLegacyServer(deps.pool, serverId);
    const misfits = vehicles.flatMap((vehicle) => misfitOf(vehicle, server));
    const wrong = new Set(misfits.map(({ vehicleId }) => vehicleId));
    const seen = await readSeenWindows(deps.pool, vehicles);
    const asked = vehicles.filter(({ id }) => !wrong.has(id)).map((vehicle) => requestOf(vehicle, run, seen));
    const plan = await askHost(deps, run.runId, {
      server,
      vehicles: asked,
      countCap: settings.planCountCap,
      signal: deps.cancellationSignal(),
    });
    for (const warning of plan.warnings) deps.log.warn({ serverId, runId: run.runId }, warning);
    return sort(serverId, run.mode, asked, plan, misfits);
  } catch (error) {
    deps.cancellationSignal().throwIfAborted();
    const { code, message } = toFailure(error);
    if (code === 'DatabaseUnavailable') throw error;
    if (code === 'Unexpected') deps.log.error({ serverId, err: error }, message);
    return allFailed(serverId, vehicles, { code, message });
  }
}

/** A plan in which every vehicle has failed for one reason. */
export function allFailed(
  serverId: string,
  vehicles: Pick<Vehicle, 'id' | 'priority'>[],
  { code, message }: Pick<UnplannedVehicle, 'code' | 'message'>,
): ServerPlan {
  const failed = vehicles.map(({ id, priority }) => ({ vehicleId: id, priority, code, message }));
  return { serverId, planned: [], upToDate: [], failed, tables: [] };
}

async function askHost(deps: FleetDependencies, runId: string, request: LegacyPlanRequest): Promise<LegacyPlan> {
  if (request.vehicles.length === 0) return { vehicles: [], tables: [], warnings: [] };
  const serverId = request.server.id;
  const breaker = await readBreaker(deps.pool, serverId);
  // An open circuit does not stop a plan: it is one connection that an operator or a schedule asked for. A held one does.
  if (breaker.state === 'held') {
    throw new Failure('CircuitOpen', `Planning: ${describeBreaker(serverId, breaker)}.`);
  }
  const begun = Date.now();
  const key = `plan/${runId}`;
  try {
    const plan = await deps.planner.plan(request);
    await deps.breakers.record(serverId, { key, code: null, tookMs: Date.now() - begun });
    return plan;
  } catch (error) {
    if (request.signal.aborted) throw error;
    await deps.breakers.record(serverId, { key, code: toFailure(error).code, tookMs: Date.now() - begun });
    throw error;
  }
}

function requestOf(
  vehicle: Vehicle,
  run: PlanRunInput,
  seen: Map<string, SeenWindow>,
): LegacyPlanRequest['vehicles'][number] {
  return run.mode === 'full'
    ? { vehicle, fromId: '0', seen: null }
    : { vehicle, fromId: vehicle.watermark, seen: seen.get(vehicle.id) ?? null };
}

function misfitOf(vehicle: Vehicle, server: LegacyServer): UnplannedVehicle[] {
  const wrong = misfit(vehicle, server);
  if (!wrong) return [];
  const { id: vehicleId, priority } = vehicle;
  return [{ vehicleId, priority, code: 'InvalidConfiguration', message: `Planning: ${wrong}. Correct the vehicle.` }];
}

function sort(
  serverId: string,
  mode: SyncMode,
  asked: LegacyPlanRequest['vehicles'],
  plan: LegacyPlan,
  misfits: UnplannedVehicle[],
): ServerPlan {
  const answers = new Map(plan.vehicles.map((answer) => [answer.vehicleId, answer]));
  const result: ServerPlan = { serverId, planned: [], upToDate: [], failed: [...misfits], tables: plan.tables };
  for (const { vehicle, fromId, seen } of asked) {
    const { id: vehicleId, priority } = vehicle;
    const answer = answers.get(vehicleId);
    if (!answer) {
      const message = `Planning vehicle ${vehicleId}: the plan of ${serverId} does not mention it. Please report this.`;
      result.failed.push({ vehicleId, priority, code: 'Unexpected', message });
    } else if ('failure' in answer) {
      result.failed.push({ vehicleId, priority, ...answer.failure });
    } else if (answer.newRows > 0) {
      const { newRows, capped, maxId } = answer;
      result.planned.push({ vehicleId, priority, mode, fromId, newRows, capped, maxId });
    } else if (seen !== null && answer.rereadRows > 0) {
      // No new row will come by whose overlap would bring in what was committed late: the window is read again by itself.
      const { fromId: from, toId: maxId } = seen;
      const again = { mode: 'full' as const, fromId: from, newRows: answer.rereadRows, capped: false, maxId };
      result.planned.push({ vehicleId, priority, ...again });
    } else {
      result.upToDate.push(vehicleId);
    }
  }
  return result;
}
