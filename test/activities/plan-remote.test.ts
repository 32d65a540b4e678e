import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { addId } from '../../src/activities/legacy-sync/dump/id-sum.ts';
import type { LegacyPlan, SeenWindow } from '../../src/activities/legacy-sync/fleet/legacy-planner.ts';
import type { LegacyServer, Vehicle } from '../../src/settings/legacy-server.ts';
import { sharedStack } from '../support/stack.ts';
import { COLUMNS, fillGps, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

sharedStack();
let fixture: LegacyHostFixture;
const signal = new AbortController().signal;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, 1_000, 3);
  await fixture.database.query(`
    CREATE TABLE scanned (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE);
    INSERT INTO scanned (vehicle_id, ts, lat, lon) SELECT seq % 5, NOW(), 1, 2 FROM seq_1_to_100;
    CREATE TABLE by_time (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, ts));
    INSERT INTO by_time (vehicle_id, ts, lat, lon) SELECT seq % 5, NOW(), 1, 2 FROM seq_1_to_100;
    CREATE TABLE floats (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat FLOAT, lon FLOAT(10,6), KEY (vehicle_id));
    INSERT INTO floats (vehicle_id, ts, lat, lon) VALUES (1, NOW(), 1, 2);
    CREATE TABLE own (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE);
    INSERT INTO own (vehicle_id, ts, lat, lon) SELECT 1, NOW(), 1, 2 FROM seq_1_to_50;
    CREATE TABLE drifted (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, latitude DOUBLE, lon DOUBLE, KEY (vehicle_id));
    CREATE TABLE empty_now LIKE gps;
    CREATE TABLE unsigned_ids (id BIGINT UNSIGNED PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
    CREATE TABLE decimal_ids (id DECIMAL(20,2) PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
    INSERT INTO decimal_ids VALUES (1.5, 1, NOW(), 1, 2);
    INSERT INTO unsigned_ids VALUES (7, 1, NOW(), 1, 2), (18446744073709551614, 1, NOW(), 1, 2), (9223372036854775807, 2, NOW(), 1, 2);
    CREATE TABLE named (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id VARCHAR(20), ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
    INSERT INTO named (vehicle_id, ts, lat, lon) VALUES ('bus-7', NOW(), 1, 2), ('7', NOW(), 1, 2), ('bus-7', NOW(), 1, 2);
    CREATE TABLE odd (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE,
      state ENUM('a\tb','c\\\\d') NOT NULL, KEY (vehicle_id, id));
  `);
});
afterAll(() => fixture.close());

interface Asked {
  of: Vehicle;
  from?: string;
  seen?: SeenWindow;
}

const plan = (asked: Asked[], { countCap = 1_000_000, server = fixture.server } = {}): Promise<LegacyPlan> =>
  fixture.hosts.of(server).plan({
    vehicles: asked.map(({ of, from = '0', seen = null }) => ({ vehicle: of, fromId: from, seen })),
    countCap,
    signal,
  });

const changed = (changes: Partial<LegacyServer>): LegacyServer => ({ ...fixture.server, ...changes });

async function failureOf(of: Vehicle, from?: string, server = fixture.server) {
  const { vehicles } = await plan([from === undefined ? { of } : { of, from }], { server });
  return vehicles[0];
}

test('counts each vehicle’s rows above its watermark, up to the cap, and finds its highest id', async () => {
  const { vehicles } = await plan(
    [
      { of: vehicle(1) },
      { of: vehicle(2), from: '2990' },
      { of: vehicle(3), from: '3000' },
      { of: vehicle(4) },
      { of: vehicle(5, 'empty_now') },
    ],
    { countCap: 500 },
  );
  expect(vehicles).toEqual([
    { vehicleId: '1', newRows: 500, rereadRows: 0, capped: true, maxId: '2998' },
    { vehicleId: '2', newRows: 3, rereadRows: 0, capped: false, maxId: '2999' },
    { vehicleId: '3', newRows: 0, rereadRows: 0, capped: false, maxId: '3000' },
    { vehicleId: '4', newRows: 0, rereadRows: 0, capped: false, maxId: '0' },
    { vehicleId: '5', newRows: 0, rereadRows: 0, capped: false, maxId: '0' },
  ]);
});

/** As an import leaves it that saw these ids. */
const windowOf = (fromId: string, toId: string, ids: (number | bigint)[]): SeenWindow => ({
  fromId,
  toId,
  rows: ids.length,
  idSum: ids.reduce(addId, 0),
});

test('has a window read again whose rows are not those that an import saw: more of them, fewer, or as many others', async () => {
  const ids = Array.from({ length: 333 }, (_, n) => 2_002 + 3 * n);
  const rereadRows = async (seen: SeenWindow) =>
    (await plan([{ of: vehicle(1), from: '2998', seen }])).vehicles.map(
      (each) => 'rereadRows' in each && each.rereadRows,
    );
  const window = (seenIds: number[]) => windowOf('2000', '2998', seenIds);
  expect(await rereadRows(window(ids))).toEqual([0]);
  expect(await rereadRows(window(ids.slice(3)))).toEqual([333]);
  expect(await rereadRows(window([...ids, 2_003]))).toEqual([333]);
  // One was purged while another was committed: as many rows, and with these two pairs also the same sum of ids.
  expect(await rereadRows(window([...ids.slice(1), 2_003]))).toEqual([333]);
  expect(await rereadRows(window([...ids.slice(2), 2_003, 2_004]))).toEqual([333]);
  // An import that could not read one of the ids: more rows are all that can be noticed.
  expect(await rereadRows({ ...window(ids.slice(3)), idSum: null })).toEqual([333]);
  expect(await rereadRows({ ...window(ids), idSum: null })).toEqual([0]);
  expect(await rereadRows({ ...window([...ids, 2_003]), idSum: null })).toEqual([0]);
  // Nothing is left there that could be read.
  const emptied = await plan([{ of: vehicle(4), from: '2998', seen: window(ids) }]);
  expect(emptied.vehicles).toMatchObject([{ newRows: 0, rereadRows: 0 }]);
});

test('MariaDB and the import make the same sum of the same ids, whatever they are, and another of others', async () => {
  await fixture.database.query('CREATE TABLE any_ids LIKE unsigned_ids; CREATE TABLE padded LIKE gps;');
  await fixture.database.query('ALTER TABLE padded MODIFY id INT(10) UNSIGNED ZEROFILL;');
  const highest = 2n ** 63n - 1n;
  const idOf = fc.oneof(fc.bigInt(1n, 70_000n), fc.bigInt(1n, highest), fc.bigInt(highest - 9n, highest));
  const someIds = fc.uniqueArray(idOf, { minLength: 2, maxLength: 60 });
  const checked = fc.asyncProperty(someIds, async (all) => {
    const ids = all.toSorted((a, b) => (a < b ? -1 : 1));
    const insert = (table: string, of: bigint[]) =>
      `TRUNCATE ${table}; INSERT INTO ${table} (id, vehicle_id, ts, lat, lon) VALUES ${of.map((id) => `(${id}, 1, NOW(), 1, 2)`).join()};`;
    const small = ids.map((id) => id % 70_000n).filter((id, at, list) => id > 0n && list.indexOf(id) === at);
    await fixture.database.query(insert('any_ids', ids) + (small.length === 0 ? '' : insert('padded', small)));
    const [without, toId] = [ids.slice(1), String(highest)];
    const other = without.includes(ids[0]! + 1n) || ids[0] === highest ? [] : [...without, ids[0]! + 1n];
    const asSeen = (id: bigint) => (id <= Number.MAX_SAFE_INTEGER ? Number(id) : id);
    const ask = async (table: string, seen: bigint[]) =>
      (await plan([{ of: vehicle(1, table), from: '0', seen: windowOf('0', toId, seen.map(asSeen)) }])).vehicles[0];
    expect(await ask('any_ids', ids)).toMatchObject({ rereadRows: 0 });
    expect(await ask('any_ids', without)).toMatchObject({ rereadRows: ids.length });
    expect(await ask('any_ids', other)).toMatchObject({ rereadRows: ids.length });
    if (small.length > 0) expect(await ask('padded', small)).toMatchObject({ rereadRows: 0 });
  });
  await fc.assert(checked, { numRuns: 25 });
}, 60_000);

test('a cap of exactly the number of rows is not capped', async () => {
  const { vehicles } = await plan([{ of: vehicle(1) }], { countCap: 1_000 });
  expect(vehicles).toEqual([{ vehicleId: '1', newRows: 1_000, rereadRows: 0, capped: false, maxId: '2998' }]);
});

test('describes the tables as they are stored, in table order, whatever is in a type', async () => {
  const { tables } = await plan([{ of: vehicle(1, 'odd') }]);
  expect(tables[0]?.columns).toEqual([
    { name: 'id', dataType: 'bigint', columnType: 'bigint(20)', nullable: false },
    { name: 'vehicle_id', dataType: 'int', columnType: 'int(11)', nullable: true },
    { name: 'ts', dataType: 'datetime', columnType: 'datetime', nullable: true },
    { name: 'lat', dataType: 'double', columnType: 'double', nullable: true },
    { name: 'lon', dataType: 'double', columnType: 'double', nullable: true },
    { name: 'state', dataType: 'enum', columnType: String.raw`enum('a${'\t'}b','c\\d')`, nullable: false },
  ]);
});

test('a thousand vehicles are planned over one connection', async () => {
  const { vehicles } = await plan(Array.from({ length: 1_000 }, (_, n) => ({ of: vehicle(n + 1) })));
  expect(vehicles).toHaveLength(1_000);
  expect(vehicles.filter((each) => 'newRows' in each && each.newRows === 1_000)).toHaveLength(3);
});

describe('what is wrong with one vehicle stays with it', () => {
  test('TableMissing, and the others are planned', async () => {
    const { vehicles } = await plan([{ of: vehicle(1, 'gone') }, { of: vehicle(2) }]);
    expect(vehicles).toEqual([
      expect.objectContaining({ vehicleId: '1', failure: expect.objectContaining({ code: 'TableMissing' }) }),
      expect.objectContaining({ vehicleId: '2', newRows: 1_000 }),
    ]);
  });

  test('SchemaDrift names the mapped column that is gone', async () => {
    expect(await failureOf(vehicle(1, 'drifted'))).toMatchObject({
      failure: { code: 'SchemaDrift', message: expect.stringContaining('no column lat') },
    });
  });

  test('SchemaDrift when a vehicle’s id could only be compared as another number', async () => {
    expect(await failureOf(vehicle(1, 'gps', 'bus-1'))).toMatchObject({ failure: { code: 'SchemaDrift' } });
  });

  test('SchemaDrift when the rows have no integer to be told apart by', async () => {
    expect(await failureOf(vehicle(1, 'decimal_ids'))).toMatchObject({
      failure: { code: 'SchemaDrift', message: expect.stringContaining('id of depot') },
    });
  });

  test('SchemaDrift for an id above what a watermark can hold, and the other vehicles are planned', async () => {
    const { vehicles } = await plan([{ of: vehicle(1, 'unsigned_ids') }, { of: vehicle(2, 'unsigned_ids') }]);
    expect(vehicles).toEqual([
      { vehicleId: '1', failure: expect.objectContaining({ code: 'SchemaDrift' }) },
      expect.objectContaining({ vehicleId: '2', newRows: 1, maxId: '9223372036854775807' }),
    ]);
  });

  test('SourceReset when the table’s highest id is below the watermark', async () => {
    expect(await failureOf(vehicle(1), '3001')).toMatchObject({ failure: { code: 'SourceReset' } });
    expect(await failureOf(vehicle(1, 'empty_now'), '1')).toMatchObject({ failure: { code: 'SourceReset' } });
    // Another vehicle's rows show that the table is whole: this one only has no row above its watermark.
    expect(await failureOf(vehicle(1), '2999')).toMatchObject({ newRows: 0 });
  });

  test('NoIndexOnVehicle, however small the table is now; allowTableScan permits it, with a warning', async () => {
    expect(await failureOf(vehicle(1, 'scanned'))).toMatchObject({ failure: { code: 'NoIndexOnVehicle' } });
    const server = changed({ limits: { ...fixture.server.limits, allowTableScan: true } });
    const allowed = await plan([{ of: vehicle(1, 'scanned') }], { server });
    expect(allowed.vehicles).toEqual([{ vehicleId: '1', newRows: 20, rereadRows: 0, capped: false, maxId: '96' }]);
    expect(allowed.warnings).toEqual([expect.stringContaining('reads the whole of scanned')]);
  });
});

test('an index on (vehicle, time) is used, with a warning', async () => {
  const { vehicles, warnings } = await plan([{ of: vehicle(1, 'by_time') }]);
  expect(vehicles).toEqual([expect.objectContaining({ newRows: 20 })]);
  expect(warnings).toEqual([expect.stringContaining('no index of by_time continues with id')]);
});

test('a table of the vehicle’s own needs no vehicle column', async () => {
  const { vehicle: _, ...columns } = COLUMNS;
  const server = changed({ columns: { ...columns, attributes: {} } });
  const { vehicles } = await plan([{ of: vehicle(1, 'own', null), from: '10' }], { server });
  expect(vehicles).toEqual([{ vehicleId: '1', newRows: 40, rereadRows: 0, capped: false, maxId: '50' }]);
});

test('text ids are compared as text', async () => {
  const { vehicles } = await plan([{ of: vehicle(1, 'named', 'bus-7') }, { of: vehicle(2, 'named', '7') }]);
  expect(vehicles).toEqual([
    { vehicleId: '1', newRows: 2, rereadRows: 0, capped: false, maxId: '3' },
    { vehicleId: '2', newRows: 1, rereadRows: 0, capped: false, maxId: '2' },
  ]);
});

test('warns of FLOAT coordinates, which lose digits in a dump, and not of FLOAT(10,6)', async () => {
  const { warnings } = await plan([{ of: vehicle(1, 'floats') }]);
  expect(warnings).toEqual([expect.stringContaining('floats.lat is FLOAT')]);
});

describe('what is wrong with the host is thrown', () => {
  test('LegacyDatabaseAccessDenied for a wrong password, and no message shows one', async () => {
    const file = `${fixture.localDir}/wrong`;
    await writeFile(file, 'canary-wrong-password');
    const failure = await plan([{ of: vehicle(1) }], { server: changed({ mysqlPasswordRef: `file:${file}` }) }).catch(
      (e) => e,
    );
    expect(failure).toMatchObject({ code: 'LegacyDatabaseAccessDenied' });
    expect(JSON.stringify([failure, failure.message, failure.stack, String(failure.cause)])).not.toContain('canary');
  });

  test('LegacyDatabaseAccessDenied for a database that our user may not see', async () => {
    const failing = plan([{ of: vehicle(1) }], { server: changed({ database: 'mysql' }) });
    await expect(failing).rejects.toMatchObject({ code: 'LegacyDatabaseAccessDenied' });
  });

  test('LegacyDatabaseUnavailable when nothing listens', async () => {
    const failing = plan([{ of: vehicle(1) }], { server: changed({ mysqlPort: 1 }) });
    await expect(failing).rejects.toMatchObject({ code: 'LegacyDatabaseUnavailable' });
  });
});

test('a password of quotes, backslashes, comment marks, blanks and shell text logs in', async () => {
  const password = ` "q\\uo'te\\" # ; \`id\` $(id) $HOME ünï\\n [client] `;
  const file = `${fixture.localDir}/odd`;
  await writeFile(file, password);
  const literal = password.replaceAll('\\', '\\\\').replaceAll("'", "''");
  const before = await readFile(fixture.database.passwordRef.slice('file:'.length), 'utf8');
  await fixture.database.query(`SET PASSWORD FOR '${fixture.database.user}'@'127.0.0.1' = PASSWORD('${literal}')`);
  try {
    const { vehicles } = await plan([{ of: vehicle(1) }], { server: changed({ mysqlPasswordRef: `file:${file}` }) });
    expect(vehicles).toEqual([expect.objectContaining({ newRows: 1_000 })]);
  } finally {
    await fixture.database.query(`SET PASSWORD FOR '${fixture.database.user}'@'127.0.0.1' = PASSWORD('${before}')`);
  }
});
