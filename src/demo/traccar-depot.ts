import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { duration } from '../cli/figures.ts';
import { runMariadb } from '../stack/servers/mariadb-client.ts';
import type { Stack } from '../stack/stack.ts';

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));
export const TRACCAR = { serverId: 'traccar', database: 'traccar', buses: 3, fixes: 1_200 };
const USER = 'traccar_reader';

/**
 * Makes a database as Traccar 6 does, fills it with three buses of Yakutsk, and brings it in as somebody does who has only a login: by two commands,
 * run as they are typed. Resolves with whether both went well.
 */
export async function showTraccarDepot(stack: Stack): Promise<boolean> {
  const passwordFile = join(stack.stateDir, 'traccar-reader.password');
  const password = randomBytes(18).toString('base64url');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await runMariadb(stack.mariadb, schema(password));
  await runMariadb(stack.mariadb, rows(), TRACCAR.database);
  console.log('\na Traccar server that nobody has described: a login, and two commands');
  const { ssh } = stack;
  const startedAt = Date.now();
  const way = ['--host', ssh.host, '--port', String(ssh.port), '--user', ssh.user, '--key', ssh.privateKeyFile];
  const hostKey = ['--fingerprint', ssh.hostKeyFingerprint];
  const mysql = ['--mysql-port', String(ssh.mysqlPort), '--mysql-user', USER, '--mysql-password', passwordFile];
  const inspected = await run([
    'servers',
    'inspect',
    '--id',
    TRACCAR.serverId,
    ...way,
    ...hostKey,
    ...mysql,
    '--apply',
  ]);
  const synced = inspected && (await run(['sync', '--all']));
  console.log(`from the login to its rows in ${duration(Date.now() - startedAt)}`);
  return synced;
}

/** Shows a command as it is typed, and what it says. */
async function run(args: string[]): Promise<boolean> {
  console.log(`$ fleetgraph ${args.join(' ')}`);
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status === 0;
}

/** Tables as Traccar 6 makes them, without the columns that say nothing about a position. */
const schema = (password: string): string => `
  DROP DATABASE IF EXISTS ${TRACCAR.database};
  CREATE DATABASE ${TRACCAR.database} CHARACTER SET utf8mb4;
  CREATE TABLE ${TRACCAR.database}.tc_devices (
    id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(128) NOT NULL, uniqueid varchar(128) NOT NULL UNIQUE);
  CREATE TABLE ${TRACCAR.database}.tc_positions (
    id int NOT NULL AUTO_INCREMENT PRIMARY KEY, protocol varchar(128), deviceid int NOT NULL, servertime timestamp NOT NULL,
    devicetime timestamp NOT NULL, fixtime timestamp NOT NULL, valid bit(1) NOT NULL, latitude double NOT NULL, longitude double NOT NULL,
    altitude float NOT NULL, speed float NOT NULL, course float NOT NULL, address varchar(512), attributes varchar(4000),
    accuracy double NOT NULL DEFAULT 0, KEY position_deviceid_fixtime (deviceid, fixtime));
  CREATE OR REPLACE USER '${USER}'@'127.0.0.1' IDENTIFIED BY '${password}';
  GRANT SELECT ON ${TRACCAR.database}.* TO '${USER}'@'127.0.0.1';`;

/** Knots to the east and to the north on the way below, by a fix every 15 s. */
const [EAST, NORTH] = ['-11.078 * SIN(seq / 61 + bus)', '7.427 * COS(seq / 97 + bus)'];

const rows = (): string => `
  SET time_zone = '+00:00';
  INSERT INTO tc_devices SELECT seq, CONCAT('Автобус ', 13 + seq), CONCAT('86000000000000', seq) FROM seq_1_to_${TRACCAR.buses};
  INSERT INTO tc_positions (protocol, deviceid, servertime, devicetime, fixtime, valid, latitude, longitude, altitude, speed, course, attributes)
  SELECT 'teltonika', bus, fix + INTERVAL 3 SECOND, fix, fix, b'1', 62.03 + 0.05 * SIN(seq / 97 + bus), 129.73 + 0.1 * COS(seq / 61 + bus), 95 + seq MOD 40,
         ROUND(SQRT(POW(${EAST}, 2) + POW(${NORTH}, 2)), 1), ROUND(DEGREES(ATAN2(${EAST}, ${NORTH})) + 360) MOD 360, '{"sat":9,"ignition":true}'
    FROM (SELECT seq, bus, '2026-03-02 00:00:00' + INTERVAL 15 * seq + bus SECOND AS fix
            FROM seq_1_to_${TRACCAR.fixes} AS fixes, (SELECT id AS bus FROM tc_devices) AS buses) AS driven ORDER BY fix;`;
