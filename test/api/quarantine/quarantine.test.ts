import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TABLE } from '../../support/fleet.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';

const QUARANTINE = '/api/v1/legacy-sync/quarantine';

let fixture: ApiFixture;

beforeAll(async () => {
  fixture = await openApi();
  await startSyncWorker(fixture);
}, 120_000);
afterAll(() => fixture?.close());

test('rows in quarantine are shown whole, and imported once the policy was mended', async () => {
  const [vehicleId] = await fixture.fleet.addVehicles(1, { rows: 5 });
  await fixture.fleet.changeServer({ values: { nullIsland: 'quarantine' } });
  await fixture.fleet.legacy.query(
    `UPDATE ${TABLE} SET latitude = 0, longitude = 0 WHERE vehicle_id = ${vehicleId} ORDER BY id LIMIT 2`,
  );
  await fixture.fleet.legacy.query(
    `UPDATE ${TABLE} SET latitude = NULL WHERE vehicle_id = ${vehicleId} ORDER BY id DESC LIMIT 1`,
  );
  await fixture.fleet.set({ 'quarantine.max_percent': 100 });
  await untilRunEnded(fixture, (await fixture.post(`/api/v1/legacy-sync/vehicles/${vehicleId}/sync`)).body.runId);

  const { rows } = (await fixture.get(`${QUARANTINE}?vehicleId=${vehicleId}`)).body;
  expect(rows.map(({ reason }: { reason: string }) => reason).sort()).toEqual([
    'MissingCoordinate',
    'NullIsland',
    'NullIsland',
  ]);
  const shown = (await fixture.get(`${QUARANTINE}/${rows[0].id}`)).body.row;
  expect(shown).toMatchObject({ vehicleId, text: expect.stringMatching(/^\(/), truncated: false });
  expect(await fixture.get(`${QUARANTINE}/999999`)).toMatchObject({ status: 404 });

  const { reasons } = (await fixture.get(`${QUARANTINE}/reasons`)).body;
  expect(reasons).toContainEqual({ reason: 'NullIsland', rows: 2 });

  await fixture.fleet.changeServer({ values: { nullIsland: 'flag' } });
  const matching = async (which: object) =>
    (await fixture.post(`${QUARANTINE}/redrive-matching`, { ...which, reason: 'to see it' })).body.result;
  const none = { taken: 0, imported: 0, duplicates: 0, stillQuarantined: 0, vehicles: 0, left: 0 };
  // Without a word nothing is changed.
  expect(await matching({ keptFor: 'NullIsland' })).toEqual({ ...none, taken: 2, imported: 2, vehicles: 1 });
  expect(await matching({ keptFor: 'NullIsland', until: '2020-01-01' })).toEqual(none);
  expect(await matching({ vehicleId: '999' })).toEqual(none);
  expect(await matching({ since: '2020-01-01' })).toEqual({
    ...none,
    taken: 3,
    imported: 2,
    stillQuarantined: 1,
    vehicles: 1,
  });
  const redrive = () => fixture.post(`${QUARANTINE}/redrive`, { vehicleId, reason: 'the depot has no GPS' });
  expect((await redrive()).body.result).toEqual({ taken: 3, imported: 2, duplicates: 0, stillQuarantined: 1, left: 0 });
  expect((await redrive()).body.result).toEqual({ taken: 1, imported: 0, duplicates: 0, stillQuarantined: 1, left: 0 });
  const { rows: positions } = await fixture.fleet.pool.query(
    'SELECT count(*)::int AS count FROM positions WHERE vehicle_id = $1',
    [vehicleId],
  );
  expect(positions).toEqual([{ count: 4 }]);
  expect(await fixture.post(`${QUARANTINE}/redrive`, { vehicleId })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.reason' }] },
  });
});

test('every act stands in the audit log, with who did it and why', async () => {
  const { entries } = (await fixture.get('/api/v1/audit?action=quarantine.redrive')).body;
  expect(entries[0]).toMatchObject({
    actor: 'test admin',
    reason: 'the depot has no GPS',
    details: { keyId: expect.any(String) },
  });
});
