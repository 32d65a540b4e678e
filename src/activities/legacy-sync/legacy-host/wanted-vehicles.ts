import type { Unwanted } from '../../../records/table-reads.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import { ofVehicle, vehicleLiteral } from './plan-statements.ts';

/** Vehicles of one table whose rows are asked for together, without those of others. */
export interface WantedVehicles {
  /** How the host leaves out the rows of other vehicles. */
  unwanted: Exclude<Unwanted, 'sent'>;
  legacyVehicleIds: readonly string[];
}

interface Wanted {
  server: LegacyServer;
  vehicle: Vehicle;
  only?: WantedVehicles | undefined;
}

/**
 * Returns the condition `… AND `, as `ofVehicle` does, for several vehicles. A filter is hidden from the optimizer in an IF. If MySQL saw it, it
 * might choose an index by vehicle and time, and so read all rows of these vehicles, whatever their ids.
 */
export function ofWanted({ server, vehicle, only }: Wanted): string {
  const scope = ofVehicle(server, vehicle);
  if (only === undefined) return scope;
  if (only.legacyVehicleIds.length === 0) return `${scope}FALSE AND `;
  const among = `${vehicleColumn(server)} IN (${only.legacyVehicleIds.map(vehicleLiteral).join(',')})`;
  return `${scope}${only.unwanted === 'filtered' ? `IF(${among}, 1, 0) = 1` : among} AND `;
}

/** The index by vehicle and id has rows in this order, so that none is sorted. */
export const orderOf = (server: LegacyServer, only: WantedVehicles | undefined): string =>
  only?.unwanted === 'unread' ? `${vehicleColumn(server)}, ` : '';

function vehicleColumn({ id, columns: { vehicle } }: LegacyServer): string {
  if (vehicle === undefined) throw new TypeError(`No column of ${id} tells vehicles apart.`);
  return name(vehicle);
}

/** Bytes that a list of vehicles may have: it stands in a script three times, and 128 KiB is the most that Linux takes for one argument. */
export const LIST_BYTES = 30_000;
/** Two quotes, each of which the shell wants quoted, and a comma. */
const AROUND = 9;

/** Bytes that a vehicle takes in such a list. */
export const listedBytes = (legacyVehicleId: string): number => Buffer.byteLength(legacyVehicleId) + AROUND;
