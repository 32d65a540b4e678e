import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { discoverVehicles } from '../../src/activities/legacy-sync/inspection/discover-vehicles.ts';
import { inspectServer } from '../../src/activities/legacy-sync/inspection/inspect-server.ts';
import { openLegacyHosts } from '../../src/activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { inTransaction } from '../../src/connections/postgres.ts';
import { startReconciliation } from '../../src/client/reconciliations.ts';
import { listReconciled } from '../../src/records/reconciled-vehicles.ts';
import { inProcessPermits } from '../../src/connections/ssh/in-process-permits.ts';
import { insertLegacyServer, readLegacyServer } from '../../src/records/legacy-servers.ts';
import { readDoubts } from '../../src/records/mapping-doubts.ts';
import { addVehicles } from '../../src/records/new-vehicles.ts';
import { type ServerAddress, serverAddressSchema } from '../../src/settings/legacy-server.ts';
import { defaultSettings } from '../../src/settings/legacy-sync.ts';
import { silentLogger } from '../connections/ssh/ssh-fixture.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import { type LegacyDatabase, legacyDatabase } from '../support/stack.ts';
import { type Fix, invent, type LegacySchema, local } from './legacy-schemas/schema.ts';

const folder = join(import.meta.dirname, 'legacy-schemas');
const NAMES = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

interface Depot extends LegacySchema {
  name: string;
  database: LegacyDatabase;
  address: ServerAddress;
  vehicleIds: string[];
}

const fixes: Fix[] = invent();
const depots: Depot[] = [];
let fleet: Fleet;
const one = inProcessPermits(() => 2);
const hosts = openLegacyHosts({
  settings: defaultSettings,
  permits: { connections: () => one, transfers: { acquire: () => one.acquire() } },
  logger: silentLogger,
});

beforeAll(async () => {
  fleet = await openFleet({ settings: { 'worker_pool.max_workers': 10 } });
  const { ssh } = fleet.stack;
  for (const name of NAMES) {
    const { schema } = (await import(join(folder, name, 'rows.ts'))) as { schema: LegacySchema };
    const database = await legacyDatabase();
    await database.query(`${readFileSync(join(folder, name, 'schema.sql'), 'utf8')}\n${schema.insert(fixes)}`);
    if (schema.grant !== undefined)
      await database.query(`GRANT ${schema.grant} ON ${database.name}.* TO '${database.user}'@'127.0.0.1'`);
    const address = serverAddressSchema.parse({
      id: name,
      host: ssh.host,
      port: ssh.port,
      user: ssh.user,
      privateKeyRef: `file:${ssh.privateKeyFile}`,
      hostKeyFingerprints: [ssh.hostKeyFingerprint],
      mysqlPort: ssh.mysqlPort,
      mysqlUser: database.user,
      mysqlPasswordRef: database.passwordRef,
      remoteDirectory: fleet.remoteDir,
    });
    depots.push({ ...schema, name, database, address, vehicleIds: [] });
  }
});

afterAll(async () => {
  await hosts.close();
  for (const { database } of depots) await database.drop();
  await fleet.close();
});

describe.each(NAMES)('%s', (name) => {
  test('inspect tells what it is and how to read it, without a word from anybody, and discover finds its buses', async () => {
    const depot = depots.find((each) => each.name === name)!;
    const { system, layout, columns, says = [], database, labels, address, timeZone } = depot;
    const { found, proposal } = await inspectServer(hosts, { server: address, timeZone });
    expect(found[0]).toMatchObject({ database: database.name, system, layout });
    expect(proposal?.server?.columns).toMatchObject(columns);
    const said = [...proposal!.told, ...proposal!.unsure, ...proposal!.hurts];
    for (const sentence of says) expect(said).toContainEqual(expect.stringMatching(sentence));
    expect(proposal!.rows).toHaveLength(5);

    const server = await insertLegacyServer(fleet.pool, JSON.parse(JSON.stringify(proposal!.server)));
    const { vehicles, skipped } = await discoverVehicles(hosts, server);
    expect(skipped).toEqual([]);
    const added = await inTransaction(fleet.pool, (client) =>
      addVehicles(client, { server, found: vehicles, actor: 'test', reason: 'discovered' }),
    );
    expect(added.map(({ label }) => label).sort()).toEqual(labels);
    depot.vehicleIds = added.map(({ id }) => id);
  });
});

test('what was discovered is synced, and arrives as it stands at the source: count, instants, places, motion, all other columns', async () => {
  await fleet.startWorker();
  const { result } = await fleet.start();
  await result();
  expect(await readDoubts(fleet.pool)).toEqual([]);
  /** The first row of each that is not as it stands at the source, beside how it should be. */
  const differing: Record<string, unknown[]> = {};
  for (const depot of depots) {
    const { rows: failed } = await fleet.pool.query(
      "SELECT failure_code, failure_message FROM vehicle_syncs WHERE server_id = $1 AND status <> 'completed'",
      [depot.name],
    );
    expect([depot.name, failed]).toEqual([depot.name, []]);
    const { rows } = await fleet.pool.query<{
      seconds: number;
      latitude: number;
      longitude: number;
      kmh: number | null;
      heading: number | null;
      altitude: number | null;
      attributes: Record<string, unknown>;
    }>(
      `SELECT extract(epoch FROM time)::float8 AS seconds, latitude, longitude, speed_kmh AS kmh, heading_deg AS heading,
              altitude_m AS altitude, coalesce(attributes, '{}') AS attributes
         FROM positions WHERE vehicle_id = ANY($1) ORDER BY time`,
      [depot.vehicleIds],
    );
    const { degrees = 1e-9, kmh = 1e-9, attributes = () => ({}) } = depot;
    const { columns } = await readLegacyServer(fleet.pool, depot.name);
    const expected = fixes.filter(depot.keeps ?? (() => true));
    expect([depot.name, rows.length]).toEqual([depot.name, expected.length]);
    const wrong = rows.findIndex((row, at) => {
      const fix = expected[at]!;
      const near = (one: number, other: number, by: number): boolean => Math.abs(one - other) <= by;
      return !(
        row.seconds === fix.seconds &&
        near(row.latitude, fix.latitude, degrees) &&
        near(row.longitude, fix.longitude, degrees) &&
        (depot.columns.speedKmh === undefined || near(row.kmh ?? Number.NaN, fix.kmh, kmh)) &&
        row.heading === (columns.headingDeg === undefined ? null : fix.heading) &&
        row.altitude === (columns.altitudeM === undefined ? null : fix.altitude) &&
        isDeepStrictEqual(row.attributes, attributes(fix))
      );
    });
    if (wrong >= 0)
      differing[depot.name] = [rows[wrong], { ...expected[wrong], attributes: attributes(expected[wrong]!) }];
  }
  expect(differing).toEqual({});
}, 180_000);

/** Where MySQL cannot say a row as an import reads it, the rows are read again. */
const READ_AGAIN = [
  'gps-server: id',
  'nmea-decimal-comma: time,latitude,longitude',
  'opengts: id',
  'point-column: latitude,longitude',
  'varchar-everything: time',
  'view: time',
];

test('each of them reconciles to nothing, and says where rows had to be read again for it', async () => {
  const started = await startReconciliation(fleet.client, { selection: { kind: 'all' }, requestedBy: 'test' });
  await started.result();
  const all = await listReconciled(fleet.pool, started.reconciliationId);
  const differing = all.filter(
    ({ failure, missing, changed, extra }) => failure !== null || missing + changed + extra > 0,
  );
  expect(differing).toEqual([]);
  const again = all
    .filter(({ method }) => method === 'rows')
    .map(({ serverId, unsaid }) => [serverId, unsaid.join()].join(': '));
  expect([...new Set(again)].sort()).toEqual(READ_AGAIN);
}, 180_000);

test('rows without an id arrive exactly once: late ones, two in one second, one twice, and one whose clock is ahead', async () => {
  const [opengts, gpsServer] = ['opengts', 'gps-server'].map((name) => depots.find((depot) => depot.name === name)!);
  const last = fixes.at(-1)!.seconds;
  const event = (seconds: number, statusCode: number) =>
    `('depot', 'bus1', ${seconds}, ${statusCode}, 62.03, 129.73, 0, 11, 0, 90, NULL, ${seconds})`;
  const ahead = Math.floor(Date.now() / 1000) + 864_000;
  // An hour late; in the second of a row that is there already; new, twice in one second; ten days ahead.
  const events = [
    event(last - 3_601, 61_714),
    event(fixes[1]!.seconds, 62_000),
    event(last + 60, 61_714),
    event(last + 60, 62_000),
  ];
  await opengts!.database.query(`INSERT INTO EventData VALUES ${[...events, event(ahead, 61_714)].join(', ')}`);
  const object = (seconds: number) => `('${local(seconds)}', '${local(seconds)}', 62.03, 129.73, 90, 0, 11, '{}')`;
  // The same row twice is one, as nothing tells them apart.
  await gpsServer!.database.query(
    `INSERT INTO gs_object_data_860000000000002 VALUES ${[object(last - 3_601), object(last + 60), object(last + 60)].join(', ')}`,
  );
  const vehicles = [...opengts!.vehicleIds, ...gpsServer!.vehicleIds];
  const count = async (): Promise<number[]> => {
    const { rows } = await fleet.pool.query<{ of: string }>(
      'SELECT count(*)::int AS of FROM positions WHERE vehicle_id = ANY($1) GROUP BY vehicle_id ORDER BY vehicle_id',
      [vehicles],
    );
    return rows.map(({ of }) => Number(of));
  };
  const sync = async () => {
    const run = await fleet.start({ selection: { kind: 'list', vehicleIds: vehicles } });
    return run.result();
  };
  expect(await count()).toEqual([300, 300, 300, 300, 300, 300]);
  expect(await sync()).toMatchObject({ completed: 2, failed: 0, upToDate: 4 });
  expect(await count()).toEqual([300, 302, 300, 300, 304, 300]);
  expect(await sync()).toMatchObject({ completed: 0, failed: 0, upToDate: 6 });
  await opengts!.database.query(`INSERT INTO EventData VALUES ${event(last + 120, 61_714)}`);
  expect(await sync()).toMatchObject({ completed: 1, failed: 0 });
  expect(await count()).toEqual([300, 302, 300, 300, 305, 300]);
  // Ids that are made of times are far apart.
  expect((await fleet.cli('servers', 'test', 'opengts')).stdout).toMatch(
    /read 30\d of the newest rows of vehicle Bus 14/,
  );
}, 180_000);

test('a bus of a table a month is one vehicle in all of them, and a new month is found by the run that comes first', async () => {
  const { database, vehicleIds } = depots.find(({ name }) => name === 'monthly')!;
  const rowsOf = async () => {
    const { rows } = await fleet.pool.query<{ label: string; rows: number; tables: number; distinct: number }>(
      `SELECT label, count(*)::int AS rows, count(DISTINCT part_id)::int AS tables, count(DISTINCT position."time")::int AS distinct
         FROM vehicle_positions AS position JOIN vehicles ON vehicles.id = vehicle_id WHERE server_id = 'monthly' GROUP BY 1 ORDER BY 1`,
    );
    return rows;
  };
  const each = (rows: number, tables: number) =>
    ['bus 0', 'bus 1', 'bus 2'].map((label) => ({ label, rows, tables, distinct: rows }));
  expect(await rowsOf()).toEqual(each(300, 2));

  const next = fixes.at(-1)!.seconds + 60;
  await database.query(
    `SET time_zone = '+00:00'; CREATE TABLE gps_2025_08 LIKE gps_2025_05;
     INSERT INTO gps_2025_08 VALUES ${[0, 1, 2, 3].map((bus) => `(NULL, 'bus ${bus}', '${local(next + bus)}', 62.03, 129.73, 30)`).join(', ')};
     INSERT INTO gps_2025_07 VALUES (NULL, 'bus 0', '${local(next + 60)}', 62.03, 129.73, 30)`,
  );
  const { rows: wholes } = await fleet.pool.query<{ id: string }>(
    'SELECT id FROM vehicles WHERE id = ANY($1) AND part_of IS NULL ORDER BY id',
    [vehicleIds],
  );
  const run = await fleet.start({ selection: { kind: 'list', vehicleIds: wholes.map(({ id }) => id) } });
  expect(await run.result()).toMatchObject({ completed: 4, failed: 0, upToDate: 5 });
  const [first, ...others] = each(301, 3);
  // Bus 3 is not known, and whether it is to be synced is for somebody to say.
  expect(await rowsOf()).toEqual([{ ...first, rows: 302, distinct: 302 }, ...others]);
}, 180_000);

test('by the command line: a login, two commands, and the vehicles are there', async () => {
  const { address, database } = depots.find(({ name }) => name === 'traccar-6')!;
  const { host, port, user, privateKeyRef, mysqlPort, mysqlUser, mysqlPasswordRef, hostKeyFingerprints } = address;
  const file = join(fleet.stack.stateDir, `${database.name}.json`);
  const login = ['--id', 'by-hand', '--host', host, '--port', String(port), '--user', user, '--key', privateKeyRef];
  const mysql = ['--mysql-port', String(mysqlPort), '--mysql-user', mysqlUser, '--mysql-password', mysqlPasswordRef!];
  const unknown = await fleet.cli('servers', 'inspect', ...login, ...mysql);
  expect(unknown.stderr).toContain(
    `shows the host key ${hostKeyFingerprints[0]}, and none was named. Nothing was sent.`,
  );
  expect((await fleet.cli('servers', 'inspect', '--host', host)).stderr).toMatch(/give --user .*--key .*--mysql-user/);

  const inspected = await fleet.cli('servers', 'inspect', ...login, ...mysql, '--accept-new-host-key', '--write', file);
  expect(inspected.stdout).toMatch(new RegExp(`${database.name}\\.tc_positions +traccar +shared`));
  expect(inspected.stdout).toMatch(/columns: .*latitude double.*\n {2}indexes: .*PRIMARY \(id\), unique/);
  expect(inspected.stdout).toMatch(/rows as they would arrive:\n {2}\{"time":"2025-06-15T15:/);
  expect(inspected.stdout).toMatch(/what would hurt:\n[^]*CREATE INDEX/);
  const written = JSON.parse(readFileSync(file, 'utf8')) as object;
  expect(written).toMatchObject({ id: 'by-hand', database: database.name, columns: { id: 'id', vehicle: 'deviceid' } });
  expect(written).not.toHaveProperty('limits');
  const byFile = await fleet.cli('servers', 'inspect', file);
  expect(byFile).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(`proposed for ${database.name}.tc_positions`),
  });

  expect((await fleet.cli('servers', 'put', file)).status).toBe(0);
  const looked = await fleet.cli('vehicles', 'discover', 'by-hand');
  expect(looked.stdout).toMatch(/by-hand has 3 vehicles; 3 of them are not synced yet[^]*Bus 14 +tc_positions +1/);
  const applied = await fleet.cli('vehicles', 'discover', 'by-hand', '--apply');
  expect(applied.stdout).toContain('3 vehicles added');
  const autoAdd = async () =>
    (await fleet.pool.query("SELECT value FROM system_settings WHERE key = 'legacy_sync.vehicles.auto_add'")).rows;
  expect(await autoAdd()).toEqual([{ value: 'false' }]);
  const later = await fleet.cli('vehicles', 'discover', 'by-hand', '--apply', '--auto-add');
  expect(later.stdout).toMatch(/0 vehicles added\n.*auto_add = true/);
  expect(await autoAdd()).toEqual([{ value: 'true' }]);
  await fleet.pool.query(
    `UPDATE vehicles SET legacy_vehicle_id = '77' WHERE server_id = 'by-hand' AND label = 'Bus 16'`,
  );
  const again = await fleet.cli('vehicles', 'discover', 'by-hand');
  expect(again.stdout).toMatch(
    /1 of them are not synced yet[^]*\(Bus 16\) occurs nowhere: no row of tc_positions has 77/,
  );
  const { rows } = await fleet.pool.query(
    "SELECT actor, reason FROM audit_log WHERE action = 'vehicle.created' AND details #>> '{input,serverId}' = 'by-hand'",
  );
  expect(rows).toHaveLength(3);
}, 180_000);

describe('at a terminal, with a login', () => {
  const autoAdd = async () =>
    (await fleet.pool.query("SELECT value FROM system_settings WHERE key = 'legacy_sync.vehicles.auto_add'")).rows[0];

  test('inspect asks whether the server is added, and both commands whether buses that appear later are', async () => {
    await fleet.pool.query("UPDATE system_settings SET value = 'false' WHERE key = 'legacy_sync.vehicles.auto_add'");
    const { address } = depots.find(({ name }) => name === 'traccar-6')!;
    const { host, port, user, privateKeyRef, mysqlPort, mysqlUser, mysqlPasswordRef } = address;
    const flags = ['--id', 'asked', '--port', String(port), '--mysql-port', String(mysqlPort)];
    const inspect = ['servers', 'inspect', ...flags, '--host', host, '--user', user, '--key', privateKeyRef];
    const mysql = [mysqlUser, mysqlPasswordRef!];
    const foreign = await fleet.cliOnTerminal([...mysql, 'no'], ...inspect);
    expect(foreign.stdout).toMatch(
      /shows the host key SHA256:\S+ Compare it .* Is it the same\? \(yes\/no\) no[^]*Nothing was sent/,
    );
    const refused = await fleet.cliOnTerminal([...mysql, 'yes', 'no'], ...inspect);
    expect(refused.stdout).toMatch(
      /Add asked as it is proposed, with the vehicles that it has rows of\? \(yes\/no\) no/,
    );
    expect((await fleet.cli('servers', 'list')).stdout).not.toContain('asked');

    const accepted = await fleet.cliOnTerminal([...mysql, 'yes', 'yes', 'no'], ...inspect);
    expect(accepted.stdout).toMatch(
      /3 vehicles added[^]*Add vehicles that appear later .* at all servers\? \(yes\/no\) no/,
    );
    expect(await autoAdd()).toEqual({ value: 'false' });
    const later = await fleet.cliOnTerminal(['yes'], 'vehicles', 'discover', 'asked', '--apply');
    expect(later.stdout).toMatch(/0 vehicles added[^]*\(yes\/no\) yes[^]*auto_add = true/);
    expect(await autoAdd()).toEqual({ value: 'true' });
    await fleet.pool.query("UPDATE system_settings SET value = 'false' WHERE key = 'legacy_sync.vehicles.auto_add'");
  }, 180_000);

  test('a mapping that its rows contradict is warned of by the command that follows the run, and by the doctor', async () => {
    await fleet.pool.query(
      `UPDATE legacy_servers SET columns = columns || '{"speedKmh": "speed"}', updated_at = now() WHERE id = 'asked'`,
    );
    const { rows } = await fleet.pool.query<{ id: string }>("SELECT id FROM vehicles WHERE server_id = 'asked'");
    const synced = await fleet.cli('sync', '--vehicles', rows.map(({ id }) => id).join(','));
    const doubt = /the mapping contradicts its rows: speed: speed is mapped as kmh, .*it is in knots/;
    expect(synced.stdout).toMatch(new RegExp(`\n  warning: asked: ${doubt.source}`));
    const runId = /run (\S+) completed/.exec(synced.stdout)![1]!;
    expect((await fleet.cli('follow', runId)).stdout).toMatch(doubt);
    expect((await fleet.cli('doctor')).stdout).toMatch(/mapping of asked[^]*speed: speed is mapped as kmh/);
  }, 180_000);
});
