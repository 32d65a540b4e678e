import type pg from 'pg';
import type { Stack } from '../stack/stack.ts';
import { DATABASE, SERVER_ID, TABLE, TIME_ZONE } from './legacy-fleet.ts';
import { runMariadb } from '../stack/servers/mariadb-client.ts';
import { TRACCAR } from './traccar-depot.ts';

export interface Totals {
  rows: number;
  vehicles: number;
  checksum: string;
}

export interface Comparison {
  source: Totals;
  target: Totals;
  equal: boolean;
  /** Vehicles whose count or checksum differ. */
  differing: string[];
}

type PerVehicle = Map<string, { rows: number; checksum: bigint }>;

/** What is compared of a legacy server: SQL of a row's hashed content on either side, beside its id. */
interface Compared {
  serverId: string;
  table: string;
  vehicle: string;
  source: string[];
  target: string[];
}

/** Coordinates times 1e7 are whole numbers, because the two databases print a double differently. */
const PLACE = {
  source: ['CAST(ROUND(latitude * 1e7) AS SIGNED)', 'CAST(ROUND(longitude * 1e7) AS SIGNED)'],
  target: ['round(p.latitude * 1e7)::bigint', 'round(p.longitude * 1e7)::bigint'],
};

/** Times are compared as the source's clock shows them, because the databases do not agree which of two hours it means when the clocks are set back. */
export const THE_FLEET: Compared = {
  serverId: SERVER_ID,
  table: `${DATABASE}.${TABLE}`,
  vehicle: 'vehicle_id',
  source: ["TIMESTAMPDIFF(SECOND, '1970-01-01', device_time)", ...PLACE.source, "COALESCE(trip_id, 'null')"],
  target: [
    `extract(epoch FROM p.time AT TIME ZONE '${TIME_ZONE}')::bigint`,
    ...PLACE.target,
    "coalesce(p.attributes ->> 'trip', 'null')",
  ],
};

/** Its knots are km/h in positions, compared to a tenth. */
export const THE_TRACCAR: Compared = {
  serverId: TRACCAR.serverId,
  table: `${TRACCAR.database}.tc_positions`,
  vehicle: 'deviceid',
  source: ['UNIX_TIMESTAMP(fixtime)', ...PLACE.source, 'CAST(ROUND(speed * 1.852 * 10) AS SIGNED)'],
  target: ['extract(epoch FROM p.time)::bigint', ...PLACE.target, 'round(p.speed_kmh * 10)::bigint'],
};

/**
 * Compares every vehicle's rows by count and by a sum of 32-bit hashes over id and content. Each database computes its own sums,
 * in decimals: MariaDB adds texts up as doubles, which round above 2^53.
 */
export async function compareSourceAndTarget(
  stack: Pick<Stack, 'mariadb'>,
  postgres: pg.Pool,
  what: Compared = THE_FLEET,
): Promise<Comparison> {
  const [source, target] = await Promise.all([readSource(stack, what), readTarget(postgres, what)]);
  const vehicles = new Set([...source.keys(), ...target.keys()]);
  const differing = [...vehicles].filter((vehicle) => {
    const [a, b] = [source.get(vehicle), target.get(vehicle)];
    return a?.rows !== b?.rows || a?.checksum !== b?.checksum;
  });
  return { source: total(source), target: total(target), equal: differing.length === 0, differing };
}

async function readSource(
  { mariadb }: Pick<Stack, 'mariadb'>,
  { table, vehicle, source }: Compared,
): Promise<PerVehicle> {
  const output = await runMariadb(
    mariadb,
    `SELECT ${vehicle}, COUNT(*), SUM(CAST(CONV(LEFT(MD5(CONCAT_WS('#', id, ${source.join(', ')})), 8), 16, 10) AS UNSIGNED))
       FROM ${table} GROUP BY ${vehicle};`,
  );
  return perVehicle(
    output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')),
  );
}

async function readTarget(postgres: pg.Pool, { serverId, target }: Compared): Promise<PerVehicle> {
  const { rows } = await postgres.query<string[]>({
    rowMode: 'array',
    text: `SELECT v.legacy_vehicle_id, count(*)::text,
                  sum(('x' || left(md5(concat_ws('#', p.legacy_id, ${target.join(', ')})), 8))::bit(32)::bigint)::text
             FROM positions p JOIN vehicles v ON v.id = p.vehicle_id WHERE v.server_id = $1 GROUP BY 1`,
    values: [serverId],
  });
  return perVehicle(rows);
}

function perVehicle(rows: string[][]): PerVehicle {
  return new Map(
    rows.map(([vehicle, count, checksum]) => [vehicle!, { rows: Number(count), checksum: BigInt(checksum!) }]),
  );
}

function total(vehicles: PerVehicle): Totals {
  let rows = 0;
  let checksum = 0n;
  for (const vehicle of vehicles.values()) {
    rows += vehicle.rows;
    checksum += vehicle.checksum;
  }
  return { rows, vehicles: vehicles.size, checksum: checksum.toString(16) };
}
