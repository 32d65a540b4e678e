import type { Queryable } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import { enabledVehiclesOf, readParts, readVehicles } from '../../../records/vehicles.ts';
import type { VehicleSelection } from '../../../workflows/legacy-sync/messages.ts';

/** Long lists are cut in messages: a failure is read in a terminal and kept in a history. */
const NAMES_SHOWN = 20;

/**
 * The enabled vehicles that a selection means, with their parts. Errors: InvalidSelection, naming each listed id that is unknown or disabled, or
 * what is wrong with the selection itself.
 */
export async function selectVehicles(database: Queryable, selection: VehicleSelection): Promise<Vehicle[]> {
  switch (selection.kind) {
    case 'all':
      return enabled(await readVehicles(database));
    case 'list':
      return withParts(database, await listed(database, selection.vehicleIds));
    case 'priority':
      refuseUnless(
        Number.isInteger(selection.atLeast),
        `"priority at least" must be a whole number, not ${selection.atLeast}`,
      );
      return enabled(await readVehicles(database)).filter(({ priority }) => priority >= selection.atLeast);
    case 'first':
      return withParts(database, firstOf(enabled(await readVehicles(database)), selection.count));
    case 'server':
      return ofServer(database, selection);
    default:
      throw new Failure(
        'InvalidSelection',
        `The selection ${JSON.stringify(selection)} is of no known kind: all, list, priority, first or server.`,
      );
  }
}

function firstOf(vehicles: Vehicle[], count: number): Vehicle[] {
  refuseUnless(Number.isInteger(count) && count > 0, `"first" must be a whole number above 0, not ${count}`);
  // The sort is stable: vehicles of one priority stay in the order of their ids.
  return vehicles
    .filter(({ partOf }) => partOf === null)
    .toSorted((a, b) => b.priority - a.priority)
    .slice(0, count);
}

async function ofServer(
  database: Queryable,
  { serverId, first }: { serverId: string; first?: number | undefined },
): Promise<Vehicle[]> {
  refuseUnless(typeof serverId === 'string', `"server" must be the id of one, not ${JSON.stringify(serverId)}`);
  const vehicles = await enabledVehiclesOf(database, serverId);
  refuseUnless(vehicles.length > 0, `server ${names([serverId])} has no enabled vehicle`);
  return first === undefined ? vehicles : withParts(database, firstOf(vehicles, first));
}

async function listed(database: Queryable, ids: string[]): Promise<Vehicle[]> {
  refuseUnless(Array.isArray(ids) && ids.length > 0, 'the list of vehicles is empty');
  const unreadable = ids.filter((id) => !/^[1-9][0-9]{0,18}$/.test(id) || BigInt(id) > 9_223_372_036_854_775_807n);
  refuseUnless(unreadable.length === 0, `these are no vehicle ids: ${names(unreadable)}`);
  const vehicles = await readVehicles(database, ids);
  const known = new Set(vehicles.map(({ id }) => id));
  const unknown = [...new Set(ids)].filter((id) => !known.has(id));
  const disabled = vehicles.filter((vehicle) => !vehicle.enabled).map(({ id }) => id);
  const wrong = [
    ...(unknown.length > 0 ? [`unknown vehicles: ${names(unknown)}`] : []),
    ...(disabled.length > 0 ? [`disabled vehicles: ${names(disabled)}`] : []),
  ];
  refuseUnless(wrong.length === 0, wrong.join('; '));
  return vehicles;
}

async function withParts(database: Queryable, vehicles: Vehicle[]): Promise<Vehicle[]> {
  const parts = await readParts(
    database,
    vehicles.map(({ id }) => id),
  );
  const chosen = new Set(vehicles.map(({ id }) => id));
  return [...vehicles, ...enabled(parts).filter(({ id }) => !chosen.has(id))];
}

function enabled(vehicles: Vehicle[]): Vehicle[] {
  return vehicles.filter((vehicle) => vehicle.enabled);
}

function names(ids: string[]): string {
  const more = ids.length - NAMES_SHOWN;
  return ids.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function refuseUnless(right: boolean, wrong: string): void {
  if (!right) throw new Failure('InvalidSelection', `Choosing vehicles for a run: ${wrong}. Nothing was started.`);
}
