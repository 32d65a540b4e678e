import type pg from 'pg';
import { inTransaction } from '../../../connections/postgres.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { addVehicles, compareVehicles } from '../../../records/new-vehicles.ts';
import { readVehicles } from '../../../records/vehicles.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { discoverVehicles, type Discovery, type FoundVehicle } from './discover-vehicles.ts';

export interface NewVehicles extends Discovery {
  /** Those that are not known yet. */
  fresh: FoundVehicle[];
  /** Known ones whose key or table occurs nowhere. */
  missing: Vehicle[];
}

/** What discovery finds at a server, beside what is known of it. Errors: those of discoverVehicles. */
export async function findNewVehicles(
  { pool, hosts }: { pool: pg.Pool; hosts: Pick<LegacyHosts, 'of'> },
  { serverId, table, signal }: { serverId: string; table?: string | undefined; signal?: AbortSignal },
): Promise<NewVehicles> {
  const server = await readLegacyServer(pool, serverId);
  const found = await discoverVehicles(hosts, server, { table, signal });
  const known = (await readVehicles(pool)).filter((vehicle) => vehicle.serverId === serverId);
  const { fresh, missing } = compareVehicles(known, found.vehicles);
  // A look into one table says nothing of the vehicles of others.
  return { ...found, fresh, missing: table === undefined ? missing : [] };
}

/** Adds what was found and is not there yet, each with its row in the audit log; the vehicles that were added. */
export async function addFound(
  pool: pg.Pool,
  serverId: string,
  by: { found: readonly FoundVehicle[]; actor: string; reason: string },
): Promise<Vehicle[]> {
  const server = await readLegacyServer(pool, serverId);
  return inTransaction(pool, (client) => addVehicles(client, { server, ...by }));
}
