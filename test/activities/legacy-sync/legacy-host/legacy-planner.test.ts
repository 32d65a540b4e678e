import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { addId } from '../../../../src/activities/legacy-sync/dump/id-sum.ts';
import { chooseTogether } from '../../../../src/activities/legacy-sync/legacy-host/count-together.ts';
import type { LegacyPlan } from '../../../../src/activities/legacy-sync/legacy-host/legacy-planner.ts';
import type { SeenWindow } from '../../../../src/records/synced-vehicles.ts';
import type { LegacyServer, Vehicle } from '../../../../src/settings/legacy-server.ts';
import { sharedStack } from '../../../support/stack.ts';
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

test('says of a table whether two rows of it may have the same id', async () => {
  await fixture.database.query(`
    CREATE TABLE id_by_vehicle (id BIGINT NOT NULL, vehicle_id INT NOT NULL, ts DATETIME, lat DOUBLE, lon DOUBLE,
      PRIMARY KEY (vehicle_id, id), KEY (id));
    INSERT INTO id_by_vehicle VALUES (1, 1, NOW(), 1, 2), (1, 2, NOW(), 1, 2)`);
  const { spans } = await plan([
    { of: vehicle(1) },
    { of: vehicle(2) },
    { of: vehicle(1, 'id_by_vehicle') },
    { of: vehicle(2, 'id_by_vehicle') },
  ]);
  const unique = [...spans!].map(([table, { uniqueIds }]) => [table, uniqueIds]);
  expect(Object.fromEntries(unique)).toEqual({ gps: true, id_by_vehicle: false });
});

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

test('many vehicles of one table get the same counts from one list of its newest ids as one by one', async () => {
  const fleet = 400;
  await fillGps(fixture.database, 20, fleet, 'shared');
  // Row `n` of vehicle `v` has the id (n - 1) * 400 + v. Each has seen all but its last `news` rows; some windows are not as they were seen.
  const asked = Array.from({ length: fleet }, (_, index): Asked => {
    const [v, news] = [index + 1, index % 3];
    const last = (19 - news) * fleet + v;
    const ids = [last - 2 * fleet, last - fleet, last];
    if (v % 7 === 0) ids.push(last - 10);
    if (v % 11 === 0) ids.shift();
    const seen = windowOf(String(last - 2 * fleet - 1), String(last), ids);
    return { of: vehicle(v, 'shared'), from: String(last), seen: v % 13 === 0 ? { ...seen, idSum: null } : seen };
  });
  asked[50] = { of: vehicle(51, 'shared'), from: '451' };
  const requests = asked.map(({ of, from = '0', seen = null }) => ({ vehicle: of, fromId: from, seen }));
  expect(chooseTogether('shared', requests)!.requests).toHaveLength(fleet - 1);
  const together = await plan(asked, { countCap: 1 });
  const apart = [];
  for (let at = 0; at < fleet; at += 50)
    apart.push(...(await plan(asked.slice(at, at + 50), { countCap: 1 })).vehicles);
  const byId = new Map(together.vehicles.map((each) => [each.vehicleId, each]));
  expect(apart.map(({ vehicleId }) => byId.get(vehicleId))).toEqual(apart);
  const counted = apart.flatMap((each) => ('newRows' in each ? [each] : []));
  expect(counted.filter(({ newRows, rereadRows }) => newRows === 0 && rereadRows > 0).length).toBeGreaterThan(10);
  expect(counted.filter(({ capped }) => capped).length).toBeGreaterThan(100);
});

describe('what is wrong with one vehicle stays with it', () => {
  test('IdNotUnique names the index that shows it; one that the server counts up, and a partitioned table’s, are left to the data', async () => {
    const columns = 'vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE';
    await fixture.database.query(`
      CREATE TABLE odometers (id INT, ${columns}, PRIMARY KEY (vehicle_id, id, ts));
      CREATE TABLE per_vehicle (id INT, ${columns}, PRIMARY KEY (vehicle_id, id));
      CREATE TABLE two_keys (id INT, ${columns}, PRIMARY KEY (vehicle_id, id, ts), UNIQUE (id));
      CREATE TABLE counted_up (id INT AUTO_INCREMENT, ${columns}, PRIMARY KEY (id, ts), KEY (vehicle_id, id));
      CREATE TABLE in_parts (id INT, ${columns}, PRIMARY KEY (id, ts), KEY (vehicle_id, id)) PARTITION BY HASH (TO_DAYS(ts));`);
    expect(await failureOf(vehicle(1, 'odometers'))).toMatchObject({
      failure: { code: 'IdNotUnique', message: expect.stringContaining('(vehicle_id, id, ts)') },
    });
    for (const table of ['per_vehicle', 'two_keys', 'counted_up', 'in_parts'])
      expect([table, await failureOf(vehicle(1, table))]).toEqual([table, expect.objectContaining({ newRows: 0 })]);
  });

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

test('a view that nobody may EXPLAIN is read by no sync, unless a scan is allowed; mysqldump alone would read nothing of it', async () => {
  await fixture.database.query('CREATE VIEW seen_gps AS SELECT * FROM gps');
  const seen = vehicle(1, 'seen_gps');
  expect(await failureOf(seen)).toMatchObject({
    failure: {
      code: 'NoIndexOnVehicle',
      message: expect.stringMatching(/is a view, and .* may not EXPLAIN it.* GRANT SHOW VIEW/),
    },
  });
  const limits = { ...fixture.server.limits, allowTableScan: true };
  expect(await failureOf(seen, '0', changed({ limits }))).toMatchObject({ newRows: 1_000 });
  await fixture.database.query(
    `GRANT SHOW VIEW ON ${fixture.database.name}.* TO '${fixture.database.user}'@'127.0.0.1'`,
  );
  expect(await failureOf(seen)).toMatchObject({ newRows: 1_000, maxId: '2998' });
  fixture.settings.reader = 'mysqldump';
  const refused = await failureOf(seen).finally(() => (fixture.settings.reader = 'auto'));
  expect(refused).toMatchObject({
    failure: {
      code: 'InvalidConfiguration',
      message: expect.stringMatching(/is a view, of which mysqldump writes no row/),
    },
  });
});

test('warns of FLOAT coordinates where only mysqldump may read them, and not of FLOAT(10,6)', async () => {
  expect((await plan([{ of: vehicle(1, 'floats') }])).warnings).toEqual([]);
  fixture.settings.reader = 'mysqldump';
  const { warnings } = await plan([{ of: vehicle(1, 'floats') }]).finally(() => (fixture.settings.reader = 'auto'));
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

describe('names as MySQL has them', () => {
  const columns = { id: 'ИД', vehicle: 'Госномер', time: 'время точки', latitude: 'lat-1', longitude: 'lon-1' };
  const odd = { id: '41', label: 'bus', serverId: 'depot', partOf: null, priority: 0, enabled: true, watermark: '0' };
  const plate = { ...odd, table: 'Точки 2025-06', legacyVehicleId: 'А 123 ВС/14' };
  const over = () => changed({ columns: { ...columns, attributes: {} } as LegacyServer['columns'] });

  beforeAll(() =>
    fixture.database.query(`
      CREATE TABLE \`Точки 2025-06\` (\`ИД\` BIGINT AUTO_INCREMENT PRIMARY KEY, \`Госномер\` VARCHAR(20), \`время точки\` DATETIME,
        \`lat-1\` DOUBLE, \`lon-1\` DOUBLE, KEY (\`Госномер\`, \`ИД\`)) CHARACTER SET utf8mb4;
      INSERT INTO \`Точки 2025-06\` (\`Госномер\`, \`время точки\`, \`lat-1\`, \`lon-1\`)
        SELECT IF(seq % 2, 'А 123 ВС/14', 'А 124 ВС/14'), NOW(), 1, 2 FROM seq_1_to_100;`),
  );

  test('blanks, hyphens, slashes and Cyrillic are counted and dumped', async () => {
    const { vehicles, tables } = await plan([{ of: plate }], { server: over() });
    expect(vehicles).toEqual([{ vehicleId: '41', newRows: 50, rereadRows: 0, capped: false, maxId: '99' }]);
    const runId = '7f0c1f5e-0000-4000-8000-000000000041';
    const range = { runId, cursor: '0', frozenTo: '99', rangeRows: 1_000 };
    const host = fixture.hosts.of(over());
    const manifest = await host.exportToFile({ vehicle: plate, tableColumns: tables[0]!.columns, ...range });
    expect(manifest).toMatchObject({ rows: 50, toId: '99' });
    const dump = await fixture.remote(`zstd -dc ${manifest!.file} 2>/dev/null || gzip -dc ${manifest!.file}`);
    expect(dump).toContain('INSERT INTO `Точки 2025-06` (`ИД`, `Госномер`, `время точки`, `lat-1`, `lon-1`) VALUES');
    await host.removeFiles({ vehicleId: '41', runId });
  });

  test('columns are found whatever their case in the mapping', async () => {
    const shouted = changed({
      columns: { ...columns, id: 'ид', latitude: 'LAT-1', attributes: {} } as LegacyServer['columns'],
    });
    expect((await plan([{ of: plate }], { server: shouted })).vehicles).toMatchObject([{ newRows: 50 }]);
  });
});
