import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SERVER_ID, TABLE } from '../../support/fleet.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';

const VEHICLES = '/api/v1/legacy-sync/vehicles';

let fixture: ApiFixture;
let vehicleIds: string[];

beforeAll(async () => {
  fixture = await openApi();
  vehicleIds = await fixture.fleet.addVehicles(3, { rows: 50 });
  await startSyncWorker(fixture);
}, 120_000);
afterAll(() => fixture?.close());

test('one vehicle is synced now', async () => {
  await fixture.fleet.addRows(vehicleIds[1]!, 7);
  const { status, body } = await fixture.post(`${VEHICLES}/${vehicleIds[1]}/sync`, {
    mode: 'full',
    reason: 'it was repaired',
  });
  expect(status).toBe(202);
  expect(await untilRunEnded(fixture, body.runId)).toMatchObject({ state: 'completed', mode: 'full', vehicles: 1 });
  const { vehicle } = (await fixture.get(`${VEHICLES}/${vehicleIds[1]}`)).body;
  expect(vehicle.lastRun).toMatchObject({ status: 'completed', error: null });
});

test('a vehicle has a history, a track and what its last comparison found; one that nobody knows has none', async () => {
  const of = async (what: string, id = vehicleIds[1]!) => fixture.get(`${VEHICLES}/${id}/${what}`, { as: 'viewer' });
  const { syncs } = (await of('syncs')).body;
  expect(syncs[0]).toMatchObject({ vehicleId: vehicleIds[1], status: 'completed', rows: 57, error: null });
  const { positions, count } = (await of('track')).body;
  expect(count).toBe(57);
  const times = positions.map(({ time }: { time: string }) => time);
  expect(times).toEqual(times.toSorted());
  const { vehicle } = (await fixture.get(`${VEHICLES}/${vehicleIds[1]}`)).body;
  expect(times.at(-1)).toBe(vehicle.newestPositionAt);
  expect((await of('differences')).body).toEqual({ success: true, compared: [] });
  // Half a second later, by a row that came late: the newest by its time, not by its id.
  await fixture.fleet.pool.query(
    `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude)
     SELECT vehicle_id, time + interval '0.5 s', 0, 62, 129 FROM positions WHERE vehicle_id = $1 ORDER BY time DESC LIMIT 1`,
    [vehicleIds[1]],
  );
  expect((await of('track')).body.positions.at(-1)).toMatchObject({ latitude: 62, longitude: 129 });
  // Another month's table, of the same vehicle.
  await fixture.fleet.pool.query('UPDATE vehicles SET part_of = $1 WHERE id = $2', [vehicleIds[2], vehicleIds[1]]);
  expect((await of('track', vehicleIds[2]!)).body).toMatchObject({ count: 58 });
  expect((await of('syncs', vehicleIds[2]!)).body.syncs[0]).toMatchObject({ vehicleId: vehicleIds[1] });
  await fixture.fleet.pool.query('UPDATE vehicles SET part_of = NULL WHERE id = $1', [vehicleIds[1]]);
  expect((await of('track', vehicleIds[2]!)).body).toMatchObject({ positions: [] });
  for (const what of ['syncs', 'track', 'differences']) expect(await of(what, '4711')).toMatchObject({ status: 404 });
});

test('vehicles are listed, added and changed', async () => {
  const added = { label: 'bus-90', serverId: SERVER_ID, table: TABLE, legacyVehicleId: '90' };
  expect(await fixture.post(VEHICLES, { id: '90', ...added })).toMatchObject({
    status: 201,
    body: { vehicle: { id: '90', watermark: '0', enabled: true, lastRun: null } },
  });
  expect(await fixture.post(VEHICLES, { id: '90', ...added })).toMatchObject({
    status: 409,
    body: { code: 'WrongState' },
  });
  expect(await fixture.post(VEHICLES, { id: '91', ...added, serverId: 'nowhere' })).toMatchObject({ status: 404 });
  expect(await fixture.post(VEHICLES, { id: '0', ...added })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.id', rule: 'invalid_format' }] },
  });
  expect(await fixture.post(VEHICLES, { id: '92', ...added, legacyVehicleId: null })).toMatchObject({
    status: 400,
    body: { code: 'InvalidConfiguration' },
  });
  const changed = await fixture.put(`${VEHICLES}/90`, { ...added, priority: 9, enabled: false });
  expect(changed.body.vehicle).toMatchObject({ priority: 9, enabled: false });
  expect(await fixture.post(`${VEHICLES}/90/sync`)).toMatchObject({ status: 409, body: { code: 'WrongState' } });
  expect((await fixture.get(`${VEHICLES}?search=S-9`)).body.vehicles).toMatchObject([{ id: '90' }]);
  expect((await fixture.get(`${VEHICLES}?limit=2`)).body).toMatchObject({ next: vehicleIds[1] });
  expect(await fixture.get(`${VEHICLES}?limit=9999`)).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'query.limit', rule: 'too_big' }] },
  });
  expect(await fixture.put(`${VEHICLES}/4711`, added)).toMatchObject({ status: 404, body: { code: 'UnknownVehicle' } });
});

test('every act stands in the audit log', async () => {
  expect(await fixture.audited()).toEqual(expect.arrayContaining(['vehicle.created', 'vehicle.changed']));
});
