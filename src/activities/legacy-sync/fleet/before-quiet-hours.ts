import { costKey, pastForecasts, readCosts } from '../../../records/forecasts.ts';
import type { RunWarning } from '../../../records/run-warnings.ts';
import type { PlannedVehicle } from '../../../records/vehicle-syncs.ts';
import { expectedMs, isKnown, spreadOf } from '../../../pool/forecast.ts';
import { endingWithin } from '../../../pool/list-schedule.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
import { fixedLimit } from '../../../settings/fixed-limit.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { quietBegins } from '../../../settings/quiet-hours.ts';
import type { PlanRunInput } from '../../../workflows/legacy-sync/activities.ts';
import { isRequestedBySchedule } from '../../../workflows/legacy-sync/messages.ts';
import type { FleetDependencies } from './fleet-dependencies.ts';

interface TakeOnRequest {
  run: PlanRunInput;
  settings: LegacySyncSettings;
  server: LegacyServer;
  vehicles: readonly Vehicle[];
  planned: PlannedVehicle[];
}

interface TakenOn {
  planned: PlannedVehicle[];
  /** Names those that are left for a later run, and why. */
  warnings: RunWarning[];
}

/** A long list of names is cut, because a run's row is always read as a whole. */
const NAMES_SHOWN = 20;

/**
 * Decides which of a server's planned vehicles a scheduled run takes on: those that end before quiet hours begin there, nine times in ten. It counts
 * them in the order in which they are claimed, without ageing, each by itself; vehicles that are read together take less time. It takes all of them
 * when quiet hours are now, or when too little is known of the server. Errors: those of the database.
 */
export async function takeOnBeforeQuietHours(
  deps: Pick<FleetDependencies, 'pool' | 'now'>,
  request: TakeOnRequest,
): Promise<TakenOn> {
  const { run, settings, server, planned } = request;
  const all = { planned, warnings: [] };
  if (!settings.endBeforeQuietHours || !isRequestedBySchedule(run.requestedBy) || planned.length === 0) return all;
  const now = deps.now?.() ?? new Date();
  const begins = quietBegins(server.limits.quietHours ?? settings.quietHours, server.timeZone, now);
  const cost = (await readCosts(deps.pool, [server.id])).get(costKey(server.id, 'vehicle'));
  if (begins === null || cost === undefined || !isKnown(cost)) return all;
  const spread = spreadOf(await pastForecasts(deps.pool, run.workflowId));
  const inOrder = planned
    .toSorted((a, b) => b.priority - a.priority || b.newRows - a.newRows)
    .map((vehicle) => ({ ...vehicle, ms: spread * expectedMs(cost, vehicle.newRows) }));
  const slots = Math.min(effectiveWorkers(settings, run.maxWorkers), fixedLimit(server.limits, settings));
  const { left } = endingWithin(inOrder, { slots, windowMs: begins.getTime() - now.getTime() });
  if (left.length === 0) return all;
  const later = new Set(left.map(({ vehicleId }) => vehicleId));
  return {
    planned: planned.filter(({ vehicleId }) => !later.has(vehicleId)),
    warnings: [{ serverId: server.id, found: leftForLater(request.vehicles, later, begins) }],
  };
}

function leftForLater(vehicles: readonly Vehicle[], later: ReadonlySet<string>, begins: Date): string {
  const labels = vehicles.filter(({ id }) => later.has(id)).map(({ label }) => label);
  const more = labels.length - NAMES_SHOWN;
  const names = labels.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const who =
    labels.length === 1 ? 'a vehicle is left for a later run' : `${labels.length} vehicles are left for a later run`;
  return `${who}, because by the forecast not all would end before quiet hours begin at ${begins.toISOString().slice(0, 16)}Z: ${names}`;
}
