import type pg from 'pg';
import type { Stack } from '../stack/stack.ts';
import { DATABASE, TABLE, TIME_ZONE } from './legacy-fleet.ts';
import { runMariadb } from '../stack/servers/mariadb-client.ts';

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

/**
 * Compares every vehicle's rows by count and by a sum of 32-bit hashes over id, time, place and trip. Each database computes its own sums,
 * in decimals: MariaDB adds texts up as doubles, which round above 2^53. Times are compared as the source's clock shows them, because
 * the databases do not agree which of two hours it means when the clocks are set back.
 */
export async function compareSourceAndTarget(stack: Pick<Stack, 'mariadb'>, postgres: pg.Pool): Promise<Comparison> {
  const [source, target] = await Promise.all([readSource(stack), readTarget(postgres)]);
  const vehicles = new Set([...source.keys(), ...target.keys()]);
  const differing = [...vehicles].filter((vehicle) => {
    const [a, b] = [source.get(vehicle), target.get(vehicle)];
    return a?.rows !== b?.rows || a?.checksum !== b?.checksum;
  });
  return { source: total(source), target: total(target), equal: differing.length === 0, differing };
}

/** Coordinates times 1e7 are whole numbers, because the two databases print a double differently. */
async function readSource(stack: Pick<Stack, 'mariadb'>): Promise<PerVehicle> {
  const output = await runMariadb(
    stack.mariadb,
    `SELECT vehicle_id, COUNT(*), SUM(CAST(CONV(LEFT(MD5(CONCAT_WS('#', id,
        TIMESTAMPDIFF(SECOND, '1970-01-01', device_time),
        CAST(ROUND(latitude * 1e7) AS SIGNED), CAST(ROUND(longitude * 1e7) AS SIGNED), COALESCE(trip_id, 'null'))), 8), 16, 10) AS UNSIGNED))
       FROM ${DATABASE}.${TABLE} GROUP BY vehicle_id;`,
  );
  return perVehicle(
    output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')),
  );
}

async function readTarget(postgres: pg.Pool): Promise<PerVehicle> {
  const { rows } = await postgres.query<string[]>({
    rowMode: 'array',
    text: `SELECT v.legacy_vehicle_id, count(*)::text, sum(('x' || left(md5(concat_ws('#', p.legacy_id, extract(epoch FROM p.time AT TIME ZONE '${TIME_ZONE}')::bigint,
                  round(p.latitude * 1e7)::bigint, round(p.longitude * 1e7)::bigint, coalesce(p.attributes ->> 'trip', 'null'))), 8))::bit(32)::bigint)::text
             FROM positions p JOIN vehicles v ON v.id = p.vehicle_id GROUP BY 1`,
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
