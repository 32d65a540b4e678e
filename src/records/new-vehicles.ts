import type pg from 'pg';
import type { LegacyServer, Vehicle } from '../settings/legacy-server.ts';
import { recordAct } from './audit-log.ts';
import { insertVehicle, readVehicles } from './vehicles.ts';

/** Where a vehicle is at its legacy server, and what it is called. */
export type NewVehicle = Pick<Vehicle, 'table' | 'legacyVehicleId' | 'label'>;

const exact = ({ table, legacyVehicleId }: NewVehicle): string => `${table}\0${legacyVehicleId ?? ''}`;
const folded = (vehicle: NewVehicle): string => exact(vehicle).normalize('NFKC').toLowerCase().trimEnd();

/**
 * The vehicles of a server that are not there yet, and those of ours that are not among the found ones. A key that MySQL would call equal is
 * the same vehicle, unless the server has both: then its collation tells them apart.
 */
export function compareVehicles<Found extends NewVehicle>(
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

/**
 * Adds those of these vehicles that a server has not yet, under the next free ids, each with its row of the audit log. Two callers at once
 * add a vehicle once. Call it in a transaction.
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
  let last = all.reduce((highest, { id }) => (BigInt(id) > highest ? BigInt(id) : highest), 0n);
  const added: Vehicle[] = [];
  for (const { table, legacyVehicleId, label } of compareVehicles(known, found).fresh) {
    last += 1n;
    const input = { id: String(last), label, serverId: server.id, table, legacyVehicleId };
    added.push(await insertVehicle(client, input, server));
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
