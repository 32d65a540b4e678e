import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { openFleet, type Fleet } from '../../../support/fleet.ts';
import { quickSumsHere } from '../../../support/quick-sums-here.ts';

const TIMEOUT_MS = 120_000;
/** Of vehicle n the ids are n + 3, n + 6, …: 60,000 ids are three blocks, which end at 20,003, 40,003 and 60,001. */
const [STEP, ROWS] = [3, 20_000];
/** Of vehicle 3, which is so far behind that it is read by itself. */
const FEW_ROWS = 20;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet();
  await fleet.addVehicles(2, { rows: ROWS, idStep: STEP });
  await fleet.addVehicles(1, { rows: FEW_ROWS, idStep: STEP });
  await fleet.startWorker();
  const run = await (await fleet.start()).result();
  expect(run).toMatchObject({ rows: 2 * ROWS + FEW_ROWS, failed: 0, quarantined: 0 });
  await fleet.legacy.query('CREATE TABLE first AS SELECT * FROM gps');
  await fleet.pool.query('CREATE TABLE first AS SELECT * FROM positions');
}, TIMEOUT_MS);
afterEach(async () => {
  await fleet.legacy.query('DELETE FROM gps; INSERT INTO gps SELECT * FROM first');
  await fleet.pool.query('TRUNCATE positions');
  await fleet.pool.query('INSERT INTO positions SELECT * FROM first');
});
afterAll(() => fleet?.close());

/** Days are since 1970: 20089 is 1 January 2025. */
const sums = () => quickSumsHere(fleet, 'gps', ['1', '2', '3']);

test('blocks that are the same are not asked for by vehicle and day', async () => {
  // Those two are for the vehicle that is read by itself, and for the last id, which only one vehicle has.
  expect(await sums()).toEqual({ days: [], asked: { blocks: 3, buckets: 2 } });
});

test('rows on both sides of the end of a block are found, and the block after them is left alone', async () => {
  await fleet.pool.query('DELETE FROM positions WHERE legacy_id = 20003');
  await fleet.legacy.query('DELETE FROM gps WHERE id = 20005');
  const { days, asked } = await sums();
  expect(days).toEqual(['1 20090', '2 20090']);
  // The walk through two blocks in a row ends by rows, of which they have fewer than ids.
  expect(asked).toEqual({ blocks: 3, buckets: 2 + 2 });
});

test('the first and the last row of all, and one that is read by itself', async () => {
  await fleet.pool.query('UPDATE positions SET speed_kmh = speed_kmh + 1 WHERE legacy_id IN (4, 9, 60002)');
  expect((await sums()).days).toEqual(['1 20089', '2 20092', '3 20089']);
});

test('vehicles between those that are asked for are left out, few or many', async () => {
  await fleet.pool.query('UPDATE positions SET speed_kmh = speed_kmh + 1 WHERE vehicle_id = 2 AND legacy_id <= 20003');
  const few = ['1', '3', ...(await fleet.addVehicles(5, { rows: 0 }))];
  expect((await quickSumsHere(fleet, 'gps', few, 1e9)).days).toEqual([]);
  const many = few.filter((id) => id === '1' || id === '8');
  expect((await quickSumsHere(fleet, 'gps', many, 1e9)).days).toEqual([]);
  expect((await quickSumsHere(fleet, 'gps', ['2', ...few], 1e9)).days).toContain('2 20089');
});

test('a row that another vehicle has got differs for both', async () => {
  await fleet.legacy.query('UPDATE gps SET vehicle_id = 2 WHERE id = 50002');
  expect((await sums()).days).toEqual(['1 20091', '2 20091']);
});
