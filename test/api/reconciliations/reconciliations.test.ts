import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';
import { TABLE } from '../../support/fleet.ts';

const RECONCILIATIONS = '/api/v1/legacy-sync/reconciliations';
let fixture: ApiFixture;

beforeAll(async () => {
  fixture = await openApi();
  await startSyncWorker(fixture);
  await fixture.fleet.addVehicles(2, { rows: 10 });
  await untilRunEnded(fixture, (await fixture.post('/api/v1/legacy-sync/runs', {})).body.runId);
}, 120_000);
afterAll(() => fixture?.close());

/** Starts one and waits for its end. */
async function reconciled(): Promise<string> {
  const { status, body } = await fixture.post(
    RECONCILIATIONS,
    { reason: 'the depot restored a backup' },
    { as: 'operator' },
  );
  expect(status).toBe(202);
  await eventually(async () => {
    const { reconciliation } = (await fixture.get(body.link)).body;
    expect(reconciliation.state).toBe('completed');
  });
  return body.reconciliationId;
}

test('an operator compares, sees which rows differ, repairs them, and an admin removes what the source does not have', async () => {
  await fixture.fleet.legacy.query(`
    UPDATE ${TABLE} SET speed = 99 WHERE vehicle_id = 1 ORDER BY id LIMIT 1;
    DELETE FROM ${TABLE} WHERE vehicle_id = 1 ORDER BY id DESC LIMIT 1`);
  const id = await reconciled();
  const { reconciliations } = (await fixture.get(RECONCILIATIONS, { as: 'viewer' })).body;
  expect(reconciliations).toMatchObject([
    { reconciliationId: id, missing: 0, changed: 1, extra: 1, requestedBy: 'test operator' },
  ]);
  const { vehicles } = (await fixture.get(`${RECONCILIATIONS}/${id}/vehicles?differing=true`)).body;
  expect(vehicles).toMatchObject([{ vehicleId: '1', method: 'sql', changed: 1, extra: 1 }]);
  const { days } = (await fixture.get(`${RECONCILIATIONS}/${id}/vehicles/1/days`)).body;
  expect(days).toMatchObject([
    { day: '2025-01-01', changed: [expect.any(String)], extra: [{ id: expect.any(String) }] },
  ]);

  const repair = await fixture.post(`${RECONCILIATIONS}/${id}/repair`, { reason: 'as they say' }, { as: 'operator' });
  expect(repair.status).toBe(202);
  await eventually(async () => {
    expect((await fixture.get(repair.body.link)).body.reconciliation).toMatchObject({
      differingDays: 1,
      repairedDays: 1,
    });
  });
  expect((await fixture.get(`${RECONCILIATIONS}/marked`)).body).toEqual({ success: true, vehicles: 1, rows: 1 });
  const remove = { vehicleIds: ['1'], reason: 'test drives' };
  expect((await fixture.post(`${RECONCILIATIONS}/remove-extra`, remove, { as: 'operator' })).status).toBe(403);
  expect((await fixture.post(`${RECONCILIATIONS}/remove-extra`, remove)).body).toMatchObject({
    vehicles: 1,
    removed: 1,
  });
  const again = await reconciled();
  expect((await fixture.get(`${RECONCILIATIONS}/${again}`)).body.reconciliation).toMatchObject({
    changed: 0,
    extra: 0,
    differingDays: 0,
  });
  const acts = await fixture.audited();
  expect(acts).toEqual(
    expect.arrayContaining(['reconciliation.start', 'reconciliation.repair', 'extra-positions.removed']),
  );
}, 120_000);

test('what is not there is said, and a span that ends before it begins is refused', async () => {
  expect(await fixture.get(`${RECONCILIATIONS}/00000000-0000-4000-8000-000000000000`)).toMatchObject({ status: 404 });
  const refused = await fixture.post(RECONCILIATIONS, { from: '2025-02-02', to: '2025-02-01' });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ field: 'body.to' }] } });
});

test('quarantined rows are tried by the command line, first without changing anything', async () => {
  const { fleet } = fixture;
  await fleet.changeServer({ values: { nullIsland: 'quarantine' } });
  await fleet.set({ 'quarantine.max_percent': 100 });
  const [vehicleId] = await fleet.addVehicles(1, { rows: 6 });
  await fleet.legacy.query(`UPDATE ${TABLE} SET latitude = 0, longitude = 0 WHERE vehicle_id = ${vehicleId} ORDER BY id LIMIT 2;
    UPDATE ${TABLE} SET latitude = NULL WHERE vehicle_id = ${vehicleId} ORDER BY id DESC LIMIT 1`);
  await untilRunEnded(fixture, (await fixture.post(`/api/v1/legacy-sync/vehicles/${vehicleId}/sync`)).body.runId);
  await fleet.changeServer({ values: { nullIsland: 'flag' } });
  const redrive = (...more: string[]) => fleet.cli('quarantine', 'redrive', '--vehicle', vehicleId!, ...more);
  const positions = async () =>
    (await fleet.pool.query('SELECT FROM positions WHERE vehicle_id = $1', [vehicleId])).rowCount;

  expect((await redrive()).stdout).toMatch(/would come in[^]*bus-3 +3 +2 +0 +1\s[^]*Nothing was changed/);
  expect((await redrive('--reason', 'MissingCoordinate')).stdout).toMatch(/bus-3 +1 +0 +0 +1\s/);
  expect((await redrive('--until', '2020-01-01')).stdout).toContain('No such row is in quarantine.');
  expect(await positions()).toBe(3);
  expect((await redrive('--apply')).stderr).toContain('--apply needs --why');
  expect((await redrive('--apply', '--why', 'the policy was mended')).stdout).toMatch(
    /imported[^]*bus-3 +3 +2 +0 +1\s/,
  );
  expect(await positions()).toBe(5);
  const { rows } = await fleet.pool.query("SELECT reason FROM audit_log WHERE action = 'quarantine.redrive'");
  expect(rows).toEqual([{ reason: 'the policy was mended' }]);
}, 60_000);
