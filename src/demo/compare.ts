import type pg from 'pg';
import type { Stack } from '../stack/stack.ts';
import { DATABASE, TABLE, TIME_ZONE } from './legacy-fleet.ts';
import { runMariadb } from './mariadb.ts';

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

/** Compares every vehicle's rows by count and by a sum of 32-bit hashes over id, time, place and trip, worked out by each database itself. */
export async function compareSourceAndTarget(stack: Stack, postgres: pg.Pool): Promise<Comparison> {
  const [source, target] = await Promise.all([readSource(stack), readTarget(postgres)]);
  const vehicles = new Set([...source.keys(), ...target.keys()]);
  const differing = [...vehicles].filter((vehicle) => {
    const [a, b] = [source.get(vehicle), target.get(vehicle)];
    return a?.rows !== b?.rows || a?.checksum !== b?.checksum;
  });
  return { source: total(source), target: total(target), equal: differing.length === 0, differing };
}

/** 1e7: coordinates as whole numbers, because the two databases print a double differently. */
async function readSource(stack: Stack): Promise<PerVehicle> {
  const output = await runMariadb(
    stack.mariadb,
    `SELECT vehicle_id, COUNT(*), SUM(CONV(LEFT(MD5(CONCAT_WS('#', id,
        TIMESTAMPDIFF(SECOND, '1970-01-01', CONVERT_TZ(device_time, '${TIME_ZONE}', 'UTC')),
        CAST(ROUND(latitude * 1e7) AS SIGNED), CAST(ROUND(longitude * 1e7) AS SIGNED), COALESCE(trip_id, 'null'))), 8), 16, 10))
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
    text: `SELECT v.legacy_vehicle_id, count(*)::text, sum(('x' || left(md5(concat_ws('#', p.legacy_id, extract(epoch FROM p.time)::bigint,
                  round(p.latitude * 1e7)::bigint, round(p.longitude * 1e7)::bigint, coalesce(p.attributes ->> 'trip', 'null'))), 8))::bit(32)::bigint)::text
             FROM positions p JOIN vehicles v ON v.id = p.vehicle_id GROUP BY 1`,
  });
  return perVehicle(rows);
}

function perVehicle(rows: string[][]): PerVehicle {
  return new Map(
    rows.map(([vehicle, count, checksum]) => [
      vehicle!,
      { rows: Number(count), checksum: BigInt(checksum!.split('.')[0]!) },
    ]),
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
