import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { discoverVehicles } from '../../../../src/activities/legacy-sync/inspection/discover-vehicles.ts';
import type { LegacyServer } from '../../../../src/settings/legacy-server.ts';
import { sharedStack } from '../../../support/stack.ts';
import { type LegacyHostFixture, legacyHostFixture } from '../legacy-host/legacy-host-fixture.ts';

sharedStack();
let fixture: LegacyHostFixture;
beforeAll(async () => {
  fixture = await legacyHostFixture();
});
afterAll(() => fixture.close());

const discover = (table?: string, over: Partial<LegacyServer> = {}) =>
  discoverVehicles(fixture.hosts, { ...fixture.server, ...over }, { table });
const COLUMNS = 'ts DATETIME NOT NULL, lat DOUBLE, lon DOUBLE';

describe('vehicles by the values of a column', () => {
  /** More than are asked for at once, twice. */
  const MANY = 450;

  test.each([
    ['INT', 'seq', (n: number) => String(n)],
    ['BIGINT UNSIGNED', '18446744073709551000 + seq', (n: number) => String(18_446_744_073_709_551_000n + BigInt(n))],
    ['VARCHAR(40) COLLATE utf8mb4_unicode_ci', "CONCAT('А ', seq, ' ВС/14')", (n: number) => `А ${n} ВС/14`],
    ['VARCHAR(40) CHARACTER SET latin1', "CONCAT('büs-', seq)", (n: number) => `büs-${n}`],
    ['VARCHAR(40) CHARACTER SET cp1251', "CONCAT('Автобус ', seq)", (n: number) => `Автобус ${n}`],
    ['VARCHAR(40) COLLATE utf8mb4_bin', "CONCAT('b', seq)", (n: number) => `b${n}`],
  ])('of type %s are all found, each once, by steps along the index', async (type, key, told) => {
    await fixture.database.query(
      `DROP TABLE IF EXISTS fixes; CREATE TABLE fixes (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id ${type}, ${COLUMNS}, KEY (vehicle_id, id)) CHARACTER SET utf8mb4;
       INSERT INTO fixes (vehicle_id, ts, lat, lon) SELECT ${key}, NOW(), 1, 2 FROM seq_1_to_${MANY};
       INSERT INTO fixes (vehicle_id, ts, lat, lon) SELECT ${key}, NOW(), 1, 2 FROM seq_1_to_${MANY}; INSERT INTO fixes VALUES (NULL, NULL, NOW(), 1, 2);`,
    );
    const { vehicles, skipped } = await discover('fixes');
    const expected = Array.from({ length: MANY }, (_, at) => told(at + 1));
    expect(vehicles.map(({ legacyVehicleId }) => String(legacyVehicleId)).sort()).toEqual(expected.sort());
    expect(skipped).toEqual([]);
  });

  test('that no index leads to are not looked for in a large table, and the index is named', async () => {
    await fixture.database.query(
      `CREATE TABLE heap (id BIGINT AUTO_INCREMENT PRIMARY KEY, vehicle_id INT, ${COLUMNS});
       INSERT INTO heap (vehicle_id, ts, lat, lon) SELECT seq % 3, NOW(), 1, 2 FROM seq_1_to_30000; ANALYZE TABLE heap;`,
    );
    await expect(discover('heap')).rejects.toMatchObject({
      code: 'NoIndexOnVehicle',
      message: expect.stringContaining('CREATE INDEX `fleetgraph` ON `heap` (`vehicle_id`, `id`)'),
    });
    const limits = { ...fixture.server.limits, allowTableScan: true };
    expect((await discover('heap', { limits })).vehicles).toHaveLength(3);
  });
});

describe('tables of a month each', () => {
  const own = `id BIGINT AUTO_INCREMENT PRIMARY KEY, ${COLUMNS}`;
  const columns = { id: 'id', time: 'ts', latitude: 'lat', longitude: 'lon' };
  const places = async (over: Partial<LegacyServer>) => {
    const { vehicles } = await discover(undefined, { database: fixture.database.name, ...over });
    return vehicles.map(({ table, label, series }) => `${table}: ${label} of ${series}`);
  };

  beforeAll(() => fixture.database.query('DROP TABLE IF EXISTS fixes, heap'));

  test('that name no vehicle are one vehicle for each stem', async () => {
    await fixture.database.query(
      `CREATE TABLE bus7_2026_01 (${own}); CREATE TABLE bus7_2026_02 (${own}); CREATE TABLE bus8_2026_02 (${own})`,
    );
    expect(await places({ columns: { ...columns, attributes: {} } })).toEqual([
      'bus7_2026_01: bus7 of bus7',
      'bus7_2026_02: bus7 of bus7',
      'bus8_2026_02: bus8 of bus8',
    ]);
  });

  test('that have all vehicles are one series for each key, however it is written', async () => {
    await fixture.database.query(
      `DROP TABLE bus7_2026_01, bus7_2026_02, bus8_2026_02;
       CREATE TABLE gps_202601 (vehicle_id VARCHAR(20), ${own}, KEY (vehicle_id, id)); CREATE TABLE gps_202602 LIKE gps_202601;
       INSERT INTO gps_202601 (vehicle_id, ts, lat, lon) VALUES ('Bus A', NOW(), 1, 2);
       INSERT INTO gps_202602 (vehicle_id, ts, lat, lon) VALUES ('bus a', NOW(), 1, 2), ('bus b', NOW(), 1, 2)`,
    );
    const series = (key: string) => JSON.stringify(['gps', key]);
    expect(await places({})).toEqual([
      `gps_202601: Bus A of ${series('bus a')}`,
      `gps_202602: bus a of ${series('bus a')}`,
      `gps_202602: bus b of ${series('bus b')}`,
    ]);
  });
});
