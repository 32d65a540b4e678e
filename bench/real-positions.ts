import type { RealPosition } from '../src/emulators/capmetrics.ts';
import { runMariadb } from '../src/stack/servers/mariadb-client.ts';
import type { Bench } from './bench-stack.ts';
import { DATABASE, TABLE } from './legacy-positions.ts';

const ROWS_PER_INSERT = 1_000;

/** Fills the shared legacy table with real positions, in the order they were reported. */
export async function addRealPositions({ stack }: Bench, positions: RealPosition[]): Promise<void> {
  const statements = ["SET time_zone = '+00:00';"];
  for (let first = 0; first < positions.length; first += ROWS_PER_INSERT) {
    const rows = positions.slice(first, first + ROWS_PER_INSERT).map(valuesOf);
    statements.push(
      `INSERT INTO ${TABLE} (vehicle_id, device_time, fix_time, server_time, valid, latitude, longitude, speed, route_id, trip_id, headsign)
       VALUES ${rows.join(',')};`,
    );
  }
  statements.push(`ANALYZE TABLE ${TABLE};`);
  await runMariadb(stack.mariadb, statements.join('\n'), DATABASE);
}

/** A speed is rounded to a tenth, because a dump shows only six digits of a FLOAT and the comparison of rows looks at tenths. */
function valuesOf(one: RealPosition): string {
  const { vehicleId, localTime, utcTime, latitude, longitude, speed, routeId, tripId, headsign } = one;
  const quoted = [latitude, longitude, speed, routeId, tripId, headsign].map(quote);
  const [lat, lon, kmh, route, trip, sign] = quoted;
  const times = [localTime, utcTime, utcTime].map(quote).join(',');
  return `(${quote(vehicleId)},${times},1,${lat},${lon},ROUND(${kmh}, 1),${route},${trip},${sign})`;
}

const quote = (text: string): string =>
  text === '' ? 'NULL' : `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
