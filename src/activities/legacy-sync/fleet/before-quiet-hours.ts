import { costKey, pastForecasts, readCosts } from '../../../records/forecasts.ts';
import { readServerPlaces } from '../../../records/server-places.ts';
import type { RunWarning } from '../../../records/run-warnings.ts';
import type { PlannedVehicle } from '../../../records/vehicle-syncs.ts';
import { expectedMs, isKnown, spreadOf } from '../../../pool/forecast.ts';
import { endingWithin } from '../../../pool/list-schedule.ts';
import { effectiveWorkers } from '../../../settings/effective-workers.ts';
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
 * them in the order in which they are claimed, without ageing; vehicles that are read together take less time. A vehicle and its parts are taken on, or
 * left, together. A limit that adapts is taken as it is now. It takes all of them when quiet hours are now, or when too little is known of the server.
 * Errors: those of the database.
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
  const wholeOf = new Map(request.vehicles.map(({ id, partOf }) => [id, partOf ?? id]));
  const inOrder = wholeVehicles(planned, wholeOf).map(({ id, rows }) => ({
    id,
    ms: spread * rows.reduce((sum, each) => sum + expectedMs(cost, each), 0),
  }));
  const [places] = await readServerPlaces(deps.pool, settings, server.id);
  const workers = effectiveWorkers(settings, run.maxWorkers);
  const slots = Math.min(workers, places?.limit ?? workers);
  const { left } = endingWithin(inOrder, { slots, windowMs: begins.getTime() - now.getTime() });
  if (left.length === 0) return all;
  const later = new Set(left.map(({ id }) => id));
  return {
    planned: planned.filter(({ vehicleId }) => !later.has(wholeOf.get(vehicleId) ?? vehicleId)),
    warnings: [{ serverId: server.id, found: leftForLater(labelsOf(request.vehicles, later), begins) }],
  };
}

/** Planned vehicles with their parts, in the order in which the first of each is claimed: the rows of each of its tables. */
function wholeVehicles(
  planned: readonly PlannedVehicle[],
  wholeOf: ReadonlyMap<string, string>,
): { id: string; rows: number[] }[] {
  const rowsOf = new Map<string, number[]>();
  for (const { vehicleId, newRows } of planned.toSorted((a, b) => b.priority - a.priority || b.newRows - a.newRows)) {
    const id = wholeOf.get(vehicleId) ?? vehicleId;
    rowsOf.set(id, [...(rowsOf.get(id) ?? []), newRows]);
  }
  return [...rowsOf].map(([id, rows]) => ({ id, rows }));
}

/** A vehicle that the run does not take in by itself is told by the first of its parts. */
function labelsOf(vehicles: readonly Vehicle[], later: ReadonlySet<string>): string[] {
  const labels = new Map<string, string>();
  for (const { id, partOf, label } of vehicles) {
    const whole = partOf ?? id;
    if (later.has(whole) && (partOf === null || !labels.has(whole))) labels.set(whole, label);
  }
  return [...labels.values()];
}

function leftForLater(labels: readonly string[], begins: Date): string {
  const more = labels.length - NAMES_SHOWN;
  const names = labels.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const who =
    labels.length === 1 ? 'a vehicle is left for a later run' : `${labels.length} vehicles are left for a later run`;
  return `${who}, because by the forecast not all would end before quiet hours begin at ${begins.toISOString().slice(0, 16)}Z: ${names}`;
}
