import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { plannedVehicles, writeNotCompared } from '../../../records/reconciled-vehicles.ts';
import { readReconciliation } from '../../../records/reconciliations.ts';
import { readVehicles } from '../../../records/vehicles.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { ReconcilePart, ReconciliationActivities } from '../../../workflows/legacy-sync/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyPlan } from '../legacy-host/legacy-planner.ts';
import { atServer, type ReconciledServer } from './at-server.ts';
import { both } from './both.ts';
import { comparedBounds } from './compared-bounds.ts';
import { compareVehicles } from './compare-vehicles.ts';
import { heartbeating } from '../../heartbeating.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { sidesOf } from './sides.ts';
import type { DaySpan } from './source-statements.ts';

/** With its waits this is about five minutes. Then the vehicles are left, and the rest of the fleet goes on. */
const MOST_ATTEMPTS = 14;

/** Compares some vehicles of a server. Errors: while the server is away, its failure, until its vehicles are written down as not compared. */
export function createCompareNext(deps: ReconciliationDependencies): ReconciliationActivities['compareNext'] {
  return (part) =>
    namingDatabaseFailures(`Comparing vehicles of ${part.serverId}`, () =>
      heartbeating(
        deps.heartbeat,
        () => 'working',
        async () => {
          const { reconcileVehicles } = deps.settings();
          const ids = await plannedVehicles(deps.pool, { ...part, limit: reconcileVehicles + 1 });
          const now = ids.slice(0, reconcileVehicles);
          if (now.length > 0) await compare(deps, part, now);
          return { left: ids.length > now.length };
        },
      ),
    );
}

async function compare(deps: ReconciliationDependencies, part: ReconcilePart, ids: string[]): Promise<void> {
  const { reconciliationId, serverId } = part;
  const { from, to } = await readReconciliation(deps.pool, reconciliationId);
  const days = spanOf(from, to);
  const vehicles = await readVehicles(deps.pool, ids);
  try {
    await atServer(deps, serverId, (at) => compareAt(deps, at, { reconciliationId, vehicles, days }));
  } catch (error) {
    deps.cancellationSignal().throwIfAborted();
    const { code, message, retryable } = toFailure(error);
    if (code === 'DatabaseUnavailable' || (retryable && deps.attempt() < MOST_ATTEMPTS)) throw error;
    if (code === 'Unexpected') deps.logger.error({ serverId, reconciliationId, err: error }, message);
    await writeNotCompared(
      deps.pool,
      reconciliationId,
      ids.map((vehicleId) => ({ vehicleId, code, message })),
    );
  }
}

interface Comparison {
  reconciliationId: string;
  vehicles: Vehicle[];
  days: DaySpan | null;
}

async function compareAt(
  deps: ReconciliationDependencies,
  at: ReconciledServer,
  { reconciliationId, vehicles, days }: Comparison,
): Promise<void> {
  const { server, signal } = at;
  const asked = vehicles.map((vehicle) => ({ vehicle, fromId: vehicle.watermark, seen: null }));
  const [plan, bounds] = await both(
    at.host.plan({ vehicles: asked, countCap: 1, signal }),
    comparedBounds(deps.importPool, { vehicles, timeZone: server.timeZone, days }),
  );
  const failed = plan.vehicles.flatMap((each) =>
    'failure' in each ? [{ vehicleId: each.vehicleId, ...each.failure }] : [],
  );
  await writeNotCompared(deps.pool, reconciliationId, failed);
  for (const table of plan.tables) {
    const sides = sidesOf(deps, { at, table, span: plan.spans?.get(table.table), days, reconciliationId });
    const bound = vehiclesOf(vehicles, plan, table.table).map(({ vehicle, sourceHighest }) => ({
      vehicle,
      sourceHighest,
      ...bounds.get(vehicle.id)!,
    }));
    if (bound.length > 0) await compareVehicles(deps.pool, reconciliationId, sides, bound);
  }
}

/** The vehicles of a table that can be read, with the source's highest ids. */
function vehiclesOf(vehicles: readonly Vehicle[], plan: LegacyPlan, table: string) {
  const answers = new Map(plan.vehicles.map((each) => [each.vehicleId, each]));
  return vehicles.flatMap((vehicle) => {
    const answer = answers.get(vehicle.id);
    if (vehicle.table !== table || answer === undefined || 'failure' in answer) return [];
    return [{ vehicle, sourceHighest: answer.maxId }];
  });
}

const FIRST_DAY = 0;
/** 9999-12-31. */
const LAST_DAY = 2_932_896;

function spanOf(from: string | null, to: string | null): DaySpan | null {
  if (from === null && to === null) return null;
  return { from: from === null ? FIRST_DAY : dayNumber(from), to: to === null ? LAST_DAY : dayNumber(to) };
}

const dayNumber = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 86_400_000;
