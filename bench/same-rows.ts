import type pg from 'pg';
import { runMariadb } from '../src/stack/servers/mariadb-client.ts';
import type { Stack } from '../src/stack/stack.ts';
import { DATABASE, TABLE, TIME_ZONE } from './legacy-positions.ts';

/** By vehicle: the number of rows, and the sum of each row's 32-bit hash over all 14 columns. */
export type RowsByVehicle = Map<string, { rows: number; checksum: bigint }>;

/** The 14 columns as SQL for one kind of table. Numbers become whole numbers, because databases print a double differently. */
interface Spelling {
  from: string;
  vehicle: string;
  columns: string[];
}

const or = (expression: string): string => `coalesce(${expression}, 'null')`;

export const OURS: Spelling = {
  from: 'positions',
  vehicle: 'vehicle_id',
  columns: [
    'legacy_id',
    'extract(epoch FROM time)::bigint',
    `extract(epoch FROM (attributes ->> 'fixed')::timestamptz)::bigint`,
    'extract(epoch FROM received_at)::bigint',
    `attributes ->> 'valid'`,
    'round(latitude * 1e6)::bigint',
    'round(longitude * 1e6)::bigint',
    or('round(altitude_m * 10)::bigint::text'),
    or('round(speed_kmh * 10)::bigint::text'),
    or('round(heading_deg)::bigint::text'),
    or(`attributes ->> 'route'`),
    or(`attributes ->> 'trip'`),
    or(`attributes ->> 'headsign'`),
  ],
};

/** A table with the legacy table's columns, and with times without a zone as in the dump. */
export const plainCopy = (table: string): Spelling => ({
  from: table,
  vehicle: 'vehicle_id',
  columns: [
    'id',
    `extract(epoch FROM device_time AT TIME ZONE '${TIME_ZONE}')::bigint`,
    `extract(epoch FROM fix_time AT TIME ZONE 'UTC')::bigint`,
    `extract(epoch FROM server_time AT TIME ZONE 'UTC')::bigint`,
    'valid',
    'round(latitude * 1e6)::bigint',
    'round(longitude * 1e6)::bigint',
    or('round(altitude * 10)::bigint::text'),
    or('round(speed * 10)::bigint::text'),
    or('round(course)::bigint::text'),
    or('route_id'),
    or('trip_id::text'),
    or('headsign'),
  ],
});

export async function sourceRows({ mariadb }: Stack, table = TABLE): Promise<RowsByVehicle> {
  const output = await runMariadb(
    mariadb,
    `SET time_zone = '+00:00';
     SELECT vehicle_id, COUNT(*), SUM(CONV(LEFT(MD5(CONCAT_WS('#', id,
         TIMESTAMPDIFF(SECOND, '1970-01-01', CONVERT_TZ(device_time, '${TIME_ZONE}', 'UTC')), UNIX_TIMESTAMP(fix_time),
         UNIX_TIMESTAMP(server_time), valid, CAST(ROUND(latitude * 1e6) AS SIGNED), CAST(ROUND(longitude * 1e6) AS SIGNED),
         COALESCE(CAST(ROUND(altitude * 10) AS SIGNED), 'null'), COALESCE(CAST(ROUND(speed * 10) AS SIGNED), 'null'),
         COALESCE(CAST(ROUND(course) AS SIGNED), 'null'), COALESCE(route_id, 'null'), COALESCE(trip_id, 'null'),
         COALESCE(headsign, 'null'))), 8), 16, 10))
       FROM ${DATABASE}.${table} GROUP BY vehicle_id;`,
  );
  const lines = output.split('\n').filter((line) => line !== '');
  return byVehicle(lines.map((line) => line.split('\t')));
}

export async function targetRows(postgres: pg.Pool, { from, vehicle, columns }: Spelling): Promise<RowsByVehicle> {
  const { rows } = await postgres.query<string[]>({
    rowMode: 'array',
    text: `SELECT ${vehicle}::text, count(*)::text,
                  sum(('x' || left(md5(concat_ws('#', ${columns.join(', ')})), 8))::bit(32)::bigint)::text
             FROM ${from} GROUP BY 1`,
  });
  return byVehicle(rows);
}

function byVehicle(rows: string[][]): RowsByVehicle {
  return new Map(
    rows.map(([vehicle, rowCount, checksum]) => [
      vehicle!,
      { rows: Number(rowCount), checksum: BigInt(checksum!.split('.')[0]!) },
    ]),
  );
}

/** Throws with the first vehicle whose rows differ: the time of a contender only counts when it loaded the same rows. */
export function assertSameRows(contender: string, source: RowsByVehicle, target: RowsByVehicle): void {
  for (const vehicle of new Set([...source.keys(), ...target.keys()])) {
    const [wanted, found] = [source.get(vehicle), target.get(vehicle)];
    if (wanted?.rows === found?.rows && wanted?.checksum === found?.checksum) continue;
    throw new Error(
      `${contender} loaded other rows than the legacy table has: vehicle ${vehicle} has ${wanted?.rows ?? 0} rows ` +
        `(checksum ${wanted?.checksum ?? 'none'}), loaded are ${found?.rows ?? 0} (${found?.checksum ?? 'none'}).`,
    );
  }
}
