import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  insertLegacyServer,
  listLegacyServers,
  readLegacyServer,
  updateLegacyServer,
} from '../../src/records/legacy-servers.ts';
import { isTimeZone } from '../../src/settings/time-zone.ts';
import { insertVehicle, readVehicle, readVehicles, updateVehicle } from '../../src/records/vehicles.ts';
import { aServer, emptyFleet } from '../support/fleet-fixture.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';

let database: FreshDatabase;
const pool = () => database.pool;
beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(() => emptyFleet(pool()));
afterAll(() => database.drop());

test('a server comes back as it went in, with the defaults said', async () => {
  const written = await insertLegacyServer(
    pool(),
    aServer('depot-1', {
      port: 2222,
      hostKeyFingerprints: [`SHA256:${'a'.repeat(43)}`, `SHA256:${'b'.repeat(43)}`],
      mysqlPasswordRef: 'env:DEPOT_PASSWORD',
      columns: { id: 'id', time: 't', latitude: 'lat', longitude: 'lon', attributes: { fuel: 'fuel_l' } },
      limits: { connectionPoolSize: 2, legacyAlgorithms: true },
      values: { dstGap: 'quarantine' },
    }),
  );
  expect(await readLegacyServer(pool(), 'depot-1')).toEqual(written);
  expect(written).toMatchObject({
    mysqlHost: '127.0.0.1',
    mysqlPort: 3306,
    remoteDirectory: '~/.fleetgraph',
    limits: { connectionPoolSize: 2, allowTableScan: false, legacyAlgorithms: true },
    values: { dstGap: 'quarantine', nullIsland: 'flag' },
  });
  const changed = await updateLegacyServer(pool(), { ...aServer('depot-1'), host: 'bus.example' });
  expect(await readLegacyServer(pool(), 'depot-1')).toEqual(changed);
  expect(await listLegacyServers(pool())).toEqual(['depot-1']);
});

test.each([
  ['time zone', { timeZone: 'Mars/Olympus' }, 'timeZone'],
  ['offset for a time zone', { timeZone: '+09:00' }, 'timeZone'],
  ['host key', { hostKeyFingerprints: [] }, 'hostKeyFingerprints'],
  ['secret in place of its reference', { privateKeyRef: 'hunter2-is-the-secret' }, 'privateKeyRef'],
  ['column that is no identifier', { columns: { ...aServer('x').columns, time: 't`; --' } }, 'columns.time'],
  ['unknown limit', { limits: { maxVehicles: 3 } as object }, 'limits'],
  ['host that is an option', { host: '-oProxyCommand=hunter2' }, 'host'],
  ['host of two words', { host: 'bus example' }, 'host'],
  ['host of MySQL that is an option', { mysqlHost: '--help' }, 'mysqlHost'],
  ['login that is an option', { user: '-lroot' }, 'user'],
  ['login of MySQL that is an option', { mysqlUser: '-p' }, 'mysqlUser'],
  ...[
    '/',
    '//',
    '~/',
    '/../etc',
    '/var/../etc',
    '/var/..',
    '~/..',
    '/var/./x',
    './dumps',
    'dumps',
    '/var//x',
    '~root/x',
    `/${'a'.repeat(200)}`,
  ].map((remoteDirectory) => [`remote directory ${remoteDirectory}`, { remoteDirectory }, 'remoteDirectory'] as const),
])('a wrong %s is refused by its name, without its value', async (_, over, field) => {
  const refusal: unknown = await insertLegacyServer(pool(), aServer('depot-1', over)).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'InvalidConfiguration', message: expect.stringContaining(field) });
  expect(String(refusal)).not.toContain('hunter2');
  expect(await listLegacyServers(pool())).toEqual([]);
});

test.each(['/srv/dumps', '/srv/dumps/', '~/.fleetgraph', '~/a/..b/c.d', '/v'])(
  '%s is a remote directory',
  async (path) => {
    const { remoteDirectory } = await insertLegacyServer(pool(), aServer('depot-1', { remoteDirectory: path }));
    expect(remoteDirectory).toBe(path);
  },
);

test.each(['depot-7.bus.example', '10.0.0.7', 'fe80::1%eth0', 'депо.рф', '_ssh.example'])(
  '%s is a host',
  async (host) => {
    expect((await insertLegacyServer(pool(), aServer('depot-1', { host }))).host).toBe(host);
  },
);

test('a row that psql spoiled is refused when it is read', async () => {
  await insertLegacyServer(pool(), aServer('depot-1'));
  await pool().query(`UPDATE legacy_servers SET columns = '{"id": "id"}', time_zone = 'Nowhere'`);
  await expect(readLegacyServer(pool(), 'depot-1')).rejects.toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringMatching(/depot-1[^]*(timeZone[^]*columns|columns[^]*timeZone)/),
  });
  await expect(readLegacyServer(pool(), 'depot-2')).rejects.toMatchObject({ code: 'InvalidConfiguration' });
});

test('a vehicle comes back as it went in; a change leaves its watermark', async () => {
  const server = await insertLegacyServer(pool(), aServer('depot-1'));
  const vehicle = {
    id: '9007199254740993',
    label: 'bus 7',
    serverId: 'depot-1',
    table: 'positions',
    legacyVehicleId: '7',
  };
  expect(await insertVehicle(pool(), vehicle, server)).toEqual({
    ...vehicle,
    partOf: null,
    priority: 0,
    enabled: true,
    watermark: '0',
  });
  await pool().query('UPDATE vehicles SET watermark = 9007199254740995');
  const changed = await updateVehicle(pool(), { ...vehicle, label: 'bus 8', priority: 4, enabled: false }, server);
  const after = { label: 'bus 8', partOf: null, priority: 4, enabled: false, watermark: '9007199254740995' };
  expect(changed).toEqual({ ...vehicle, ...after });
  expect(await readVehicle(pool(), vehicle.id)).toEqual(changed);
  expect(await readVehicles(pool(), ['1'])).toEqual([]);
  await expect(readVehicle(pool(), '1')).rejects.toMatchObject({ code: 'UnknownVehicle' });
  await expect(readVehicle(pool(), '99999999999999999999')).rejects.toMatchObject({ code: 'UnknownVehicle' });
  await expect(updateVehicle(pool(), { ...vehicle, id: '5' }, server)).rejects.toMatchObject({
    code: 'UnknownVehicle',
  });
});

test('a vehicle that was synced is not pointed at other rows, whose ids its watermark would skip', async () => {
  const server = await insertLegacyServer(pool(), aServer('depot-1'));
  const other = await insertLegacyServer(pool(), aServer('depot-2'));
  const vehicle = { id: '7', label: 'bus 7', serverId: 'depot-1', table: 'positions', legacyVehicleId: '7' };
  await insertVehicle(pool(), { ...vehicle, table: 'fixes' }, server);
  expect(await updateVehicle(pool(), vehicle, server)).toMatchObject({ table: 'positions' });
  await pool().query('UPDATE vehicles SET watermark = 500');
  for (const change of [{ table: 'fixes' }, { legacyVehicleId: '8' }, { serverId: 'depot-2' }]) {
    const changed = { ...vehicle, ...change };
    await expect(updateVehicle(pool(), changed, 'serverId' in change ? other : server)).rejects.toMatchObject({
      code: 'InvalidConfiguration',
      message: expect.stringMatching(/depot-1, table positions, legacy id 7 up to id 500/),
    });
  }
  expect(await readVehicle(pool(), '7')).toMatchObject({ ...vehicle, watermark: '500' });
});

test('a place that another vehicle has is refused with the name of that vehicle', async () => {
  const server = await insertLegacyServer(pool(), aServer('depot-1'));
  const vehicle = { id: '7', label: 'bus 7', serverId: 'depot-1', table: 'positions', legacyVehicleId: '7' };
  await insertVehicle(pool(), vehicle, server);
  await insertVehicle(pool(), { ...vehicle, id: '8', label: 'bus 8', legacyVehicleId: '8' }, server);
  const refused = {
    code: 'InvalidConfiguration',
    message: expect.stringMatching(/vehicle 7 \(bus 7\) is read from table positions, legacy id 7 of depot-1 already/),
  };
  await expect(insertVehicle(pool(), { ...vehicle, id: '9' }, server)).rejects.toMatchObject(refused);
  await expect(updateVehicle(pool(), { ...vehicle, id: '8' }, server)).rejects.toMatchObject(refused);
  expect(await updateVehicle(pool(), { ...vehicle, label: 'bus seven' }, server)).toMatchObject({ label: 'bus seven' });
});

test('a part is one of a vehicle of the same server that is none itself, and stays one until it is said to be none', async () => {
  const server = await insertLegacyServer(pool(), aServer('depot-1'));
  const other = await insertLegacyServer(pool(), aServer('depot-2'));
  const may = { id: '7', label: 'bus 7', serverId: 'depot-1', table: 'gps_2025_05', legacyVehicleId: '7' };
  const june = { ...may, id: '8', table: 'gps_2025_06', partOf: '7' };
  await insertVehicle(pool(), may, server);
  expect(await insertVehicle(pool(), june, server)).toMatchObject({ partOf: '7' });
  const { partOf: _unsaid, ...relabelled } = { ...june, label: 'bus seven' };
  expect(await updateVehicle(pool(), relabelled, server)).toMatchObject({ label: 'bus seven', partOf: '7' });
  const refused = (over: object, message: RegExp, at = server) =>
    expect(insertVehicle(pool(), { ...june, id: '9', table: 'gps_2025_07', ...over }, at)).rejects.toMatchObject({
      code: 'InvalidConfiguration',
      message: expect.stringMatching(message),
    });
  await refused({ partOf: '70' }, /a part of vehicle 70, and there is none/);
  await refused({ partOf: '8' }, /that is a part of vehicle 7/);
  await refused({ serverId: 'depot-2' }, /that is read from depot-1/, other);
  await expect(updateVehicle(pool(), { ...may, partOf: '7' }, server)).rejects.toMatchObject({
    message: expect.stringMatching(/that is itself/),
  });
  await insertVehicle(pool(), { ...may, id: '9', table: 'gps_2025_07' }, server);
  await expect(updateVehicle(pool(), { ...may, partOf: '9' }, server)).rejects.toMatchObject({
    message: expect.stringMatching(/vehicle 8 is a part of this one/),
  });
  expect(await updateVehicle(pool(), { ...june, partOf: null }, server)).toMatchObject({ partOf: null });
});

test('a server whose vehicles were synced may move, and is not pointed at other rows', async () => {
  const server = await insertLegacyServer(pool(), aServer('depot-1'));
  await insertLegacyServer(pool(), aServer('depot-2'));
  const vehicle = { id: '7', label: 'bus 7', serverId: 'depot-1', table: 'positions', legacyVehicleId: '7' };
  await insertVehicle(pool(), vehicle, await updateLegacyServer(pool(), { ...server, database: 'fixes' }));
  await updateLegacyServer(pool(), server);
  await pool().query('UPDATE vehicles SET watermark = 500');
  for (const change of [
    { database: 'fixes' },
    { columns: { ...server.columns, id: 'uid' } },
    { columns: { ...server.columns, vehicle: 'tracker_id' } },
    { columns: { ...server.columns, vehicle: undefined } },
  ]) {
    await expect(updateLegacyServer(pool(), { ...server, ...change } as typeof server)).rejects.toMatchObject({
      code: 'InvalidConfiguration',
      message: expect.stringMatching(
        /1 of its vehicles, 7 the first,.* database gps by id column id, vehicle column vehicle_id/,
      ),
    });
  }
  expect(await readLegacyServer(pool(), 'depot-1')).toEqual(server);
  const moved = { ...server, host: 'new.example', port: 2222, mysqlHost: 'db.example', mysqlPort: 3307 };
  const mended = { ...moved, columns: { ...server.columns, time: 'device_time' } };
  expect(await updateLegacyServer(pool(), mended)).toEqual(mended);
  // Nothing was read from this one.
  expect(await updateLegacyServer(pool(), aServer('depot-2', { database: 'fixes' }))).toMatchObject({
    database: 'fixes',
  });
  await expect(updateLegacyServer(pool(), aServer('depot-3'))).rejects.toThrow('There is no legacy server depot-3');
});

test('a vehicle must fit the way its server keeps vehicles apart', async () => {
  const shared = await insertLegacyServer(pool(), aServer('shared'));
  const own = await insertLegacyServer(
    pool(),
    aServer('own', { columns: { id: 'id', time: 't', latitude: 'a', longitude: 'o' } }),
  );
  const refused = { code: 'InvalidConfiguration' };
  const vehicle = { id: '1', label: 'b', table: 't1' };
  await expect(insertVehicle(pool(), { ...vehicle, serverId: 'shared' }, shared)).rejects.toMatchObject(refused);
  await expect(insertVehicle(pool(), { ...vehicle, serverId: 'own', legacyVehicleId: '1' }, own)).rejects.toMatchObject(
    refused,
  );
  await expect(insertVehicle(pool(), { ...vehicle, serverId: 'own' }, shared)).rejects.toMatchObject(refused);
  await expect(insertVehicle(pool(), { ...vehicle, serverId: 'own', table: 'a`b' }, own)).rejects.toMatchObject(
    refused,
  );
  await expect(
    insertVehicle(pool(), { ...vehicle, serverId: 'own', id: '9223372036854775808' }, own),
  ).rejects.toMatchObject(refused);
  await insertVehicle(pool(), { ...vehicle, serverId: 'own' }, own);
});

test.each([
  ['Asia/Yakutsk', true],
  ['Europe/Belgrade', true],
  ['UTC', true],
  ['+09:00', false],
  ['Mars/Olympus', false],
  ['', false],
  ['0', false],
])('time zone %j: %p', (name, known) => expect(isTimeZone(name)).toBe(known));
