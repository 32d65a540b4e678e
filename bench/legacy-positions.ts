import { randomBytes } from 'node:crypto';
import { runMariadb } from '../src/stack/servers/mariadb-client.ts';
import { stackLegacyServer } from '../src/emulators/legacy-server.ts';
import { insertLegacyServer } from '../src/records/legacy-servers.ts';
import { insertVehicle } from '../src/records/vehicles.ts';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { Bench } from './bench-stack.ts';

export const DATABASE = 'depot';
export const TABLE = 'gps_positions';
export const TIME_ZONE = 'America/Chicago';
const SERVER_ID = 'depot-bench';
const FIRST_VEHICLE_ID = 101;

/** A fix as Traccar and CapMetrics keep it: 14 columns, about 120 bytes per row in a dump. Every contender loads all columns. */
const COLUMNS = `
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  vehicle_id int NOT NULL, device_time datetime NOT NULL, fix_time timestamp NOT NULL, server_time timestamp NOT NULL, valid tinyint NOT NULL,
  latitude double NOT NULL, longitude double NOT NULL, altitude float, speed float, course float,
  route_id varchar(20), trip_id bigint, headsign varchar(80)`;

/** A delta needs the first index. The second is Traccar's own, by which the legacy application shows a vehicle's day. */
const INDEXES = 'KEY vehicle_then_id (vehicle_id, id), KEY vehicle_then_time (vehicle_id, fix_time)';

export interface LegacyReader {
  user: string;
  password: string;
  passwordFile: string;
}

/** Makes the legacy database with a user who may only read. `tables` is one shared table, unless vehicles have their own. */
export async function createLegacyDatabase({ stack }: Bench, tables: string[] = [TABLE]): Promise<LegacyReader> {
  const reader = {
    user: 'reader',
    password: randomBytes(18).toString('hex'),
    passwordFile: join(stack.stateDir, 'legacy-reader.password'),
  };
  await writeFile(reader.passwordFile, reader.password, { mode: 0o600 });
  await runMariadb(
    stack.mariadb,
    `CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4;
     ${tables.map((table) => `CREATE TABLE ${DATABASE}.${table} (${COLUMNS}, ${INDEXES});`).join('\n')}
     CREATE USER '${reader.user}'@'127.0.0.1' IDENTIFIED BY '${reader.password}';
     GRANT SELECT ON ${DATABASE}.* TO '${reader.user}'@'127.0.0.1';`,
  );
  return reader;
}

/**
 * Adds a fix of every vehicle each 15 s, in the order in which a live fleet reports them: the ids of one vehicle are `vehicles` apart. The
 * week from 1 February 2015 has no change of clocks.
 */
export async function addPositions(
  { stack }: Bench,
  { vehicles, from, rows, table = TABLE }: { vehicles: number; from: number; rows: number; table?: string },
): Promise<void> {
  await runMariadb(
    stack.mariadb,
    `SET time_zone = '+00:00';
     INSERT INTO ${DATABASE}.${table}
       (vehicle_id, device_time, fix_time, server_time, valid, latitude, longitude, altitude, speed, course, route_id, trip_id, headsign)
     SELECT vehicle, TIMESTAMPADD(SECOND, 15 * step, '2015-02-01 00:00:00'), TIMESTAMPADD(SECOND, 15 * step, '2015-02-01 05:59:59'),
            TIMESTAMPADD(SECOND, 15 * step + 2, '2015-02-01 06:00:00'), step MOD 50 <> 0,
            ROUND(30.2672 + 0.05 * SIN(step / 97 + vehicle), 6), ROUND(-97.7431 + 0.05 * COS(step / 61 + vehicle), 6),
            IF(step MOD 10 = 0, NULL, 150 + (step MOD 400) / 10), ROUND(20 + 20 * SIN(step / 13), 1), (step * 7) MOD 360,
            CONCAT('R', vehicle MOD 40), vehicle * 1000 + step DIV 400, IF(step MOD 3 = 0, NULL, 'NORTH LAMAR/SOUTH CONGRESS')
       FROM (SELECT ${FIRST_VEHICLE_ID} + seq MOD ${vehicles} AS vehicle, seq DIV ${vehicles} AS step
               FROM seq_${from * vehicles}_to_${(from + rows) * vehicles - 1}) fixes;
     ANALYZE TABLE ${DATABASE}.${table};`,
    DATABASE,
  );
}

/** The ids of the vehicles that `addPositions` generates. */
export const vehicleIds = (vehicles: number): string[] =>
  Array.from({ length: vehicles }, (_, index) => String(FIRST_VEHICLE_ID + index));

/** Enters the legacy server and its vehicles as an operator does. `tables` names a table of their own for each vehicle. */
export async function registerFleet(
  { stack, ours, legacyDir }: Bench,
  reader: LegacyReader,
  { ids, tables }: { ids: string[]; tables?: string[] },
): Promise<string[]> {
  const input = stackLegacyServer(stack, {
    id: SERVER_ID,
    mysqlUser: reader.user,
    mysqlPasswordRef: `file:${reader.passwordFile}`,
    database: DATABASE,
    timeZone: TIME_ZONE,
    columns: {
      ...(tables === undefined ? {} : { vehicle: undefined }),
      headingDeg: 'course',
      altitudeM: 'altitude',
      receivedAt: 'server_time',
      attributes: { fixed: 'fix_time', valid: 'valid', route: 'route_id', trip: 'trip_id', headsign: 'headsign' },
    },
    remoteDirectory: legacyDir,
  });
  const server = await insertLegacyServer(ours, input);
  for (const [index, id] of ids.entries()) {
    const own = tables?.[index];
    const where = own === undefined ? { table: TABLE, legacyVehicleId: id } : { table: own };
    await insertVehicle(ours, { id, label: `bus-${id}`, serverId: SERVER_ID, ...where }, server);
  }
  return ids;
}
