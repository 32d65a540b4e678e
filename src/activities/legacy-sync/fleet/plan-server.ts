import { Failure, type FailureCode } from '../../../errors.ts';
import { describeCircuit } from '../../../pool/circuit.ts';
import { readCircuit } from '../../../pool/circuit-store.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { type SeenWindow, readSeenWindows } from '../../../records/synced-vehicles.ts';
import type { PlannedRead } from '../../../records/table-reads.ts';
import { type PlannedVehicle, type UnplannedVehicle, troubledVehicles } from '../../../records/vehicle-syncs.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
import { tellsVehicles } from '../legacy-host/vehicle-column.ts';
import { planReads } from './plan-reads.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { misfit } from '../../../records/vehicles.ts';
import type { PlanRunInput } from '../../../workflows/legacy-sync/activities.ts';
import type { SyncMode } from '../../../workflows/legacy-sync/messages.ts';
import { toFailure } from '../../activity-failures.ts';
import { patiently } from './patiently.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';
import type { LegacyPlan, LegacyPlanRequest } from '../legacy-host/legacy-planner.ts';
import { takeOnBeforeQuietHours } from './before-quiet-hours.ts';
import type { ServerPlan } from './write-server-plan.ts';

interface PlanServerRequest {
  run: PlanRunInput;
  settings: LegacySyncSettings;
  serverId: string;
  vehicles: Vehicle[];
}

/**
 * Asks one legacy host what is new for these vehicles. A fault of the server fails its vehicles, never the run.
 * Errors: DatabaseUnavailable, or the cancellation.
 */
export async function planServer(
  deps: FleetDependencies,
  { run, settings, serverId, vehicles }: PlanServerRequest,
): Promise<ServerPlan> {
  try {
    const server = await readLegacyServer(deps.pool, serverId);
    const misfits = vehicles.flatMap((vehicle) => misfitOf(vehicle, server));
    const wrong = new Set(misfits.map(({ vehicleId }) => vehicleId));
    const seen = await readSeenWindows(
      deps.pool,
      vehicles.map(({ id }) => id),
    );
    const asked = vehicles.filter(({ id }) => !wrong.has(id)).map((vehicle) => requestOf(vehicle, run, seen));
    const plan = await askHost(
      deps,
      { runId: run.runId, settings },
      {
        server,
        vehicles: asked,
        countCap: settings.planCountCap,
        signal: deps.cancellationSignal(),
      },
    );
    for (const warning of plan.warnings) deps.log.warn({ serverId, runId: run.runId }, warning);
    const found = planOf({ serverId, mode: run.mode, asked, misfits }, plan);
    const sorted = {
      ...found,
      ...(await takeOnBeforeQuietHours(deps, { run, settings, server, vehicles, planned: found.planned })),
    };
    return { ...sorted, reads: await planTogether(deps, { server, asked, plan, sorted, settings, run }) };
  } catch (error) {
    deps.cancellationSignal().throwIfAborted();
    const { code, message } = toFailure(error);
    if (code === 'DatabaseUnavailable') throw error;
    if (code === 'Unexpected') deps.log.error({ serverId, err: error }, message);
    return allFailed(serverId, vehicles, { code, message });
  }
}

interface PlannedServer {
  server: LegacyServer;
  asked: LegacyPlanRequest['vehicles'];
  plan: LegacyPlan;
  sorted: ServerPlan;
  settings: LegacySyncSettings;
  run: PlanRunInput;
}

/** Which of the planned vehicles are read together. One that needs attention, or whose window is read again, is read by itself. */
async function planTogether(
  { pool }: FleetDependencies,
  { server, asked, plan, sorted, settings, run }: PlannedServer,
): Promise<PlannedRead[]> {
  const column = server.columns.vehicle;
  if (settings.exportUnit === 'vehicle' || column === undefined || plan.spans === undefined) return [];
  const tables = new Map(asked.map(({ vehicle }) => [vehicle.id, vehicle.table]));
  const shared = new Set(plan.tables.filter(({ columns }) => tellsVehicles(columns, column)).map(({ table }) => table));
  const candidates = sorted.planned.filter(
    ({ vehicleId, mode }) => mode === 'delta' && shared.has(tables.get(vehicleId)!),
  );
  const troubled = await troubledVehicles(
    pool,
    candidates.map(({ vehicleId }) => vehicleId),
  );
  const vehicles = new Map<string, PlannedVehicle[]>();
  for (const vehicle of candidates) {
    if (troubled.has(vehicle.vehicleId)) continue;
    const table = tables.get(vehicle.vehicleId)!;
    const together = vehicles.get(table);
    if (together) together.push(vehicle);
    else vehicles.set(table, [vehicle]);
  }
  const legacyIds = new Map(asked.map(({ vehicle }) => [vehicle.id, vehicle.legacyVehicleId ?? '']));
  const workers = effectiveWorkers(settings, run.maxWorkers);
  return planReads({ vehicles, legacyIds, tables: plan.spans, settings, workers });
}

/** A plan in which every vehicle has failed for one reason. */
export function allFailed(
  serverId: string,
  vehicles: Pick<Vehicle, 'id' | 'priority'>[],
  { code, message }: Pick<UnplannedVehicle, 'code' | 'message'>,
): ServerPlan {
  const failed = vehicles.map(({ id, priority }) => ({ vehicleId: id, priority, code, message }));
  return { serverId, planned: [], upToDate: [], failed, tables: [], reads: [], warnings: [] };
}

/** Asks until the server's patience ends. Its circuit hears of the last answer alone, because this is one question. */
async function askHost(
  deps: FleetDependencies,
  { runId, settings }: { runId: string; settings: LegacySyncSettings },
  request: LegacyPlanRequest,
): Promise<LegacyPlan> {
  if (request.vehicles.length === 0) return { vehicles: [], tables: [], warnings: [] };
  const serverId = request.server.id;
  const circuit = await readCircuit(deps.pool, serverId);
  // A plan is one connection that an operator or a schedule asked for, so an open circuit does not stop it. A held circuit does.
  if (circuit.state === 'held') {
    throw new Failure('CircuitOpen', `Planning: ${describeCircuit(serverId, circuit)}.`);
  }
  const begun = Date.now();
  const key = `plan/${runId}`;
  try {
    const plan = await patiently(
      {
        forMs: settings.planPatienceMs,
        firstWaitMs: Math.min(settings.retryInitialMs, settings.planPatienceMs),
        signal: request.signal,
        mayPass: (error) => MAY_PASS.has(toFailure(error).code),
      },
      () => deps.planner.plan(request).then(throwIfAway),
    );
    await deps.circuits.record(serverId, { key, code: null, tookMs: Date.now() - begun });
    return plan;
  } catch (error) {
    if (request.signal.aborted) throw error;
    await deps.circuits.record(serverId, { key, code: toFailure(error).code, tookMs: Date.now() - begun });
    throw error;
  }
}

/** A server that restarts, or whose connections others have taken, answers a moment later. */
const MAY_PASS: ReadonlySet<FailureCode> = new Set([
  'SshUnreachable',
  'SshConnectionLost',
  'SshSessionRefused',
  'LegacyDatabaseUnavailable',
]);

/** A database that goes away during the plan fails it vehicle by vehicle. */
function throwIfAway(plan: LegacyPlan): LegacyPlan {
  for (const answer of plan.vehicles) {
    if ('failure' in answer && MAY_PASS.has(answer.failure.code))
      throw new Failure(answer.failure.code, answer.failure.message);
  }
  return plan;
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

interface AskedVehicles {
  serverId: string;
  mode: SyncMode;
  asked: LegacyPlanRequest['vehicles'];
  /** Those that do not fit their server, and were not asked for. */
  misfits: UnplannedVehicle[];
}

function misfitOf(vehicle: Vehicle, server: LegacyServer): UnplannedVehicle[] {
  const wrong = misfit(vehicle, server);
  if (!wrong) return [];
  const { id: vehicleId, priority } = vehicle;
  return [{ vehicleId, priority, code: 'InvalidConfiguration', message: `Planning: ${wrong}. Correct the vehicle.` }];
}

/** What the host's answers mean for each vehicle: planned, up to date or failed. */
function planOf({ serverId, mode, asked, misfits }: AskedVehicles, plan: LegacyPlan): ServerPlan {
  const answers = new Map(plan.vehicles.map((answer) => [answer.vehicleId, answer]));
  const result: ServerPlan = {
    serverId,
    planned: [],
    upToDate: [],
    failed: [...misfits],
    tables: plan.tables,
    reads: [],
    warnings: [],
  };
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
      // Rows were committed late, and without new rows no overlap reads them: the window is read again by itself.
      const { fromId: from, toId: maxId } = seen;
      const again = { mode: 'full' as const, fromId: from, newRows: answer.rereadRows, capped: false, maxId };
      result.planned.push({ vehicleId, priority, ...again });
    } else if (isUnknownThere(vehicle, answer.maxId)) {
      result.failed.push({ vehicleId, priority, code: 'VehicleWithoutRows', message: unknownThere(vehicle) });
    } else {
      result.upToDate.push(vehicleId);
    }
  }
  return result;
}

/** A wrong key never finds a row, and neither does the key of a vehicle that has not sent anything yet. Neither vehicle counts as up to date. */
const isUnknownThere = ({ watermark, legacyVehicleId }: Vehicle, maxId: string): boolean =>
  watermark === '0' && legacyVehicleId !== null && maxId === '0';

const unknownThere = ({ id, label, serverId, table, legacyVehicleId }: Vehicle): string =>
  `Planning vehicle ${id} (${label}): no row of ${table} on ${serverId} has its legacy id ${legacyVehicleId}, and none ever came. Correct the id (\`fleetgraph vehicles discover ${serverId}\` shows those there are), or disable the vehicle until it drives.`;
