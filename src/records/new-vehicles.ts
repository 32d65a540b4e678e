import type pg from 'pg';
import type { LegacyServer, Vehicle } from '../settings/legacy-server.ts';
import { recordAct } from './audit-log.ts';
import { insertVehicle, readVehicles } from './vehicles.ts';

type Place = Pick<Vehicle, 'table' | 'legacyVehicleId'>;

/** Where a vehicle is at its legacy server, and what it is called. What has one `series` is one vehicle in several tables. */
export type NewVehicle = Place & { label: string; series: string | null };

const exact = ({ table, legacyVehicleId }: Place): string => `${table}\0${legacyVehicleId ?? ''}`;
/** What MySQL may call equal. */
export const foldKey = (text: string): string => text.normalize('NFKC').toLowerCase().trimEnd();
const folded = (vehicle: Place): string => foldKey(exact(vehicle));

/**
 * The vehicles of a server that are not there yet, and those of ours that are not among the found ones. A key that MySQL would call equal is
 * the same vehicle, unless the server has both: then its collation tells them apart.
 */
export function compareVehicles<Found extends Place>(
  known: readonly Vehicle[],
  found: readonly Found[],
): { fresh: Found[]; missing: Vehicle[] } {
  const theirs = new Set(found.map(exact));
  const ours = new Set(known.map(exact));
  const unmatched = known.filter((vehicle) => !theirs.has(exact(vehicle)));
  const nearly = new Set(unmatched.map(folded));
  const fresh = found.filter((vehicle) => !ours.has(exact(vehicle)));
  const near = new Set(fresh.map(folded));
  return {
    fresh: fresh.filter((vehicle) => !nearly.has(folded(vehicle))),
    missing: unmatched.filter((vehicle) => !near.has(folded(vehicle))),
  };
}

/** The known vehicle of each series: what has no part before it is the first, and the others are its parts. */
function wholesOf(known: readonly Vehicle[], found: readonly NewVehicle[]): Map<string, Vehicle> {
  const byId = new Map(known.map((vehicle) => [vehicle.id, vehicle]));
  const byPlace = new Map(known.map((vehicle) => [folded(vehicle), vehicle]));
  const wholes = new Map<string, Vehicle>();
  for (const each of found) {
    const own = byPlace.get(folded(each));
    const whole = own && byId.get(own.partOf ?? own.id);
    if (each.series === null || whole === undefined) continue;
    const other = wholes.get(each.series);
    if (other === undefined || BigInt(whole.id) < BigInt(other.id)) wholes.set(each.series, whole);
  }
  return wholes;
}

/** Those that are another table's rows of a vehicle that is known. */
export function partsOfKnown(known: readonly Vehicle[], found: readonly NewVehicle[]): NewVehicle[] {
  const wholes = wholesOf(known, found);
  return found.filter(({ series }) => series !== null && wholes.has(series));
}

/**
 * Adds those of these vehicles that a server has not yet, under the next free ids, each with its row of the audit log. Rows of a known vehicle in another
 * table are its part, as important and as enabled as it is; that takes all that was found, the known ones among it. Two callers at once add a vehicle
 * once. Call it in a transaction.
 */
export async function addVehicles(
  client: pg.ClientBase,
  {
    server,
    found,
    actor,
    reason,
  }: { server: LegacyServer; found: readonly NewVehicle[]; actor: string; reason: string },
): Promise<Vehicle[]> {
  // No lock of the table: imports hold one for minutes.
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph new vehicles', 0))`);
  const all = await readVehicles(client);
  const known = all.filter(({ serverId }) => serverId === server.id);
  const wholes = wholesOf(known, found);
  let last = all.reduce((highest, { id }) => (BigInt(id) > highest ? BigInt(id) : highest), 0n);
  const added: Vehicle[] = [];
  for (const { table, legacyVehicleId, label, series } of compareVehicles(known, found).fresh) {
    last += 1n;
    const whole = series === null ? undefined : wholes.get(series);
    const place = { id: String(last), serverId: server.id, table, legacyVehicleId };
    const input = whole === undefined ? { ...place, label } : { ...place, ...asPartOf(whole, table) };
    const vehicle = await insertVehicle(client, input, server);
    added.push(vehicle);
    if (series !== null && whole === undefined) wholes.set(series, vehicle);
    await recordAct(client, {
      actor,
      action: 'vehicle.created',
      subject: `vehicle ${last}`,
      reason,
      details: { input },
    });
  }
  return added;
}

const asPartOf = ({ id, label, priority, enabled }: Vehicle, table: string) => ({
  label: `${label} (${table})`,
  partOf: id,
  priority,
  enabled,
});
