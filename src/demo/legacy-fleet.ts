import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LegacyServerInput } from '../records/legacy-servers.ts';
import type { VehicleInput } from '../records/vehicles.ts';
import type { Stack } from '../stack/stack.ts';
import type { RealPosition } from '../emulators/capmetrics.ts';
import { runMariadb } from '../stack/servers/mariadb-client.ts';
import { stackLegacyServer } from '../emulators/legacy-server.ts';

export const TIME_ZONE = 'America/Chicago';
export const DATABASE = 'depot';
export const TABLE = 'gps_positions';
export const SERVER_ID = 'depot-austin';
/** The first id of a generated vehicle, above every real one. */
const FIRST_GENERATED_ID = 900_001;

/** How fast a generated vehicle drives to the east and to the north, in mph as the real ones report it: its way below, by 15 s. */
const [EAST, NORTH] = ['-11.74 * SIN(seq / 61 + {id})', '8.55 * COS(seq / 97 + {id})'];

/**
 * The rows of one generated vehicle: a fix every 15 s on a winding way through Austin, from a week before the real data. They are counted
 * in UTC, so that none falls into an hour that the clocks skip.
 */
const GENERATED_ROWS = `
  SELECT {id}, CONVERT_TZ(TIMESTAMPADD(SECOND, 15 * seq, '2015-02-01 06:00:00'), '+00:00', '${TIME_ZONE}'), 30.2672 + 0.05 * SIN(seq / 97 + {id}), -97.7431 + 0.05 * COS(seq / 61 + {id}),
         ROUND(SQRT(POW(${EAST}, 2) + POW(${NORTH}, 2)), 1), ROUND(DEGREES(ATAN2(${EAST}, ${NORTH})) + 360) MOD 360, 150 + (seq MOD 40), CONCAT('R', {id} MOD 40), {id} * 1000 + seq DIV 400, 'GENERATED', FROM_UNIXTIME(1422770400 + 15 * seq)
    FROM seq_{from}_to_{to}`;
const COLUMNS =
  'vehicle_id, device_time, latitude, longitude, speed, course, altitude, route_id, trip_id, headsign, server_time';

export interface LegacyFleet {
  server: LegacyServerInput;
  vehicles: VehicleInput[];
}

/** Makes and fills a legacy database like an operator's, with a user that may only read. */
export async function fillLegacyDatabase(
  stack: Pick<Stack, 'stateDir' | 'mariadb' | 'ssh'>,
  real: RealPosition[],
  generated: { vehicles: number; rows: number },
): Promise<LegacyFleet> {
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(stack.stateDir, 'legacy-reader.password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await runMariadb(stack.mariadb, schema(password));
  await runMariadb(stack.mariadb, realInserts(real), DATABASE);
  const generatedIds = Array.from({ length: generated.vehicles }, (_, index) => FIRST_GENERATED_ID + index);
  await runMariadb(stack.mariadb, generatedInserts(generatedIds, 1, generated.rows), DATABASE);
  const ids = [...new Set(real.map(({ vehicleId }) => vehicleId)), ...generatedIds.map(String)];
  return { server: legacyServer(stack, passwordFile), vehicles: ids.map(vehicle) };
}

/** Adds new fixes of some vehicles, as a fleet does between two syncs. Returns how many rows were added. */
export async function driveOn(stack: Stack, generated: { vehicles: number; rows: number }): Promise<number> {
  const NEW_ROWS = 250;
  const ids = Array.from({ length: Math.min(5, generated.vehicles) }, (_, index) => FIRST_GENERATED_ID + index);
  await runMariadb(stack.mariadb, generatedInserts(ids, generated.rows + 1, generated.rows + NEW_ROWS), DATABASE);
  return ids.length * NEW_ROWS;
}

function schema(password: string): string {
  return `
    DROP DATABASE IF EXISTS ${DATABASE};
    CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4;
    CREATE TABLE ${DATABASE}.${TABLE} (
      id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
      vehicle_id int NOT NULL, device_time datetime NOT NULL, latitude double, longitude double, speed double, course float, altitude float,
      route_id varchar(20), trip_id bigint, headsign varchar(80), server_time timestamp NULL,
      KEY vehicle_then_id (vehicle_id, id)
    );
    CREATE OR REPLACE USER 'reader'@'127.0.0.1' IDENTIFIED BY '${password}';
    GRANT SELECT ON ${DATABASE}.* TO 'reader'@'127.0.0.1';`;
}

function realInserts(positions: RealPosition[]): string {
  const BATCH = 1_000;
  const quote = (text: string): string =>
    text === '' ? 'NULL' : `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  const statements: string[] = [];
  for (let start = 0; start < positions.length; start += BATCH) {
    const rows = positions
      .slice(start, start + BATCH)
      .map(
        (p) =>
          `(${[p.vehicleId, p.localTime, p.latitude, p.longitude, p.speed].map(quote).join(',')},NULL,NULL,${[p.routeId, p.tripId, p.headsign].map(quote).join(',')},NULL)`,
      );
    statements.push(`INSERT INTO ${TABLE} (${COLUMNS}) VALUES ${rows.join(',')};`);
  }
  return statements.join('\n');
}

function generatedInserts(ids: number[], from: number, to: number): string {
  if (from > to) return '';
  return ids
    .map((id) =>
      GENERATED_ROWS.replaceAll('{id}', String(id)).replaceAll('{from}', String(from)).replaceAll('{to}', String(to)),
    )
    .map((rows) => `INSERT INTO ${TABLE} (${COLUMNS}) ${rows};`)
    .join('\n');
}

function legacyServer(stack: Pick<Stack, 'ssh'>, passwordFile: string): LegacyServerInput {
  return stackLegacyServer(stack, {
    id: SERVER_ID,
    mysqlUser: 'reader',
    mysqlPasswordRef: `file:${passwordFile}`,
    database: DATABASE,
    timeZone: TIME_ZONE,
    columns: {
      speedKmh: { column: 'speed', unit: 'mph' },
      headingDeg: 'course',
      altitudeM: 'altitude',
      receivedAt: 'server_time',
      attributes: { route: 'route_id', trip: 'trip_id', headsign: 'headsign' },
    },
    remoteDirectory: stack.ssh.dumpDirectory,
  });
}

function vehicle(id: string): VehicleInput {
  const generated = Number(id) >= FIRST_GENERATED_ID;
  return {
    id,
    label: generated ? `gen-${id.slice(-3)}` : `bus-${id}`,
    serverId: SERVER_ID,
    table: TABLE,
    legacyVehicleId: id,
  };
}
