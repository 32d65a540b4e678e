import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startReconciliation } from '../../../src/client/reconciliations.ts';
import { fleetScheduleId } from '../../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi, startSyncWorker } from '../../support/fleet-api.ts';
import { expectInvariants } from '../../support/invariants.ts';

const SCHEDULES = '/api/v1/legacy-sync/schedules';
const NIGHTLY = { cron: '30 3 * * *', timeZone: 'Asia/Yakutsk', jitterMs: 0, reason: 'the host is idle at night' };

let fixture: ApiFixture;
let vehicleIds: string[];

beforeAll(async () => {
  fixture = await openApi();
  vehicleIds = await fixture.fleet.addVehicles(2, { rows: 50 });
  await startSyncWorker(fixture);
}, 120_000);
afterAll(() => fixture?.close());

const handle = (name: string) => fixture.fleet.client.schedule.getHandle(fleetScheduleId(name));
const audited = async (subject: string) =>
  (await fixture.get('/api/v1/audit?limit=50')).body.entries
    .filter((entry: { subject: string }) => entry.subject === subject)
    .map(({ action }: { action: string }) => action)
    .reverse();

test('a schedule by cron is shown with its next five times in its own zone, changed, paused, resumed and deleted', async () => {
  const path = `${SCHEDULES}/nightly`;
  const { schedule } = (await fixture.put(path, NIGHTLY)).body;
  expect(schedule).toMatchObject({ name: 'nightly', cron: '30 3 * * *', everyMs: null, timeZone: 'Asia/Yakutsk' });
  expect(schedule.sync).toEqual({ selection: { kind: 'all' }, mode: 'delta' });
  expect(schedule.nextTimes).toHaveLength(5);
  // 03:30 in Yakutsk, which is nine hours ahead all year round.
  for (const time of schedule.nextTimes) expect(time).toMatch(/T18:30:00/);
  expect((await handle('nightly').describe()).policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3_600_000 });

  const paused = await fixture.post(`${path}/pause`, { reason: 'the depot moves' });
  expect(paused.body.schedule).toMatchObject({ paused: true, nextTimes: [] });
  expect(paused.body.schedule.note).toMatch(/: the depot moves$/);
  const selection = { kind: 'list', vehicleIds: [vehicleIds[0]] };
  const changed = await fixture.put(path, { everyMs: 21_600_000, selection, mode: 'full', maxWorkers: 2 });
  expect(changed.body.schedule).toMatchObject({ cron: null, everyMs: 21_600_000, paused: true });
  expect(changed.body.schedule.sync).toEqual({ selection, mode: 'full', maxWorkers: 2 });
  expect((await fixture.post(`${path}/resume`, { reason: 'it has moved' })).body.schedule.nextTimes).toHaveLength(5);

  expect((await fixture.call('DELETE', path, { body: { reason: 'no longer needed' } })).status).toBe(200);
  for (const [method, at] of [
    ['GET', path],
    ['DELETE', path],
    ['POST', `${path}/pause`],
  ] as const) {
    const body = method === 'GET' ? {} : { body: { reason: 'again' } };
    expect((await fixture.call(method, at, body)).status).toBe(404);
  }
  expect(await audited('nightly')).toEqual([
    'schedule.changed',
    'schedule.paused',
    'schedule.changed',
    'schedule.resumed',
    'schedule.deleted',
  ]);
});

test('reconciliations are scheduled in the same room, of the last days; beside one that is under way they are skipped', async () => {
  const { fleet } = fixture;
  const put = await fleet.cli('schedules', 'put', 'truth', '--every', '7d', '--all', '--reconcile', '--last-days', '3');
  expect(put).toMatchObject({ status: 0, stdout: expect.stringMatching(/^truth: every 168h00m; next 20/) });
  expect((await fixture.get(`${SCHEDULES}/truth`)).body.schedule).toMatchObject({
    sync: null,
    reconcile: { selection: { kind: 'all' }, lastDays: 3, repair: false },
  });
  expect((await handle('truth').describe()).policies.overlap).toBe('SKIP');
  expect((await fleet.cli('schedules', 'list')).stdout).toMatch(/truth.*reconcile all vehicles.*the last 3 days/);
  const repairing = await fixture.put(`${SCHEDULES}/truth`, { ...NIGHTLY, reconcile: { repair: true } });
  expect(repairing.body.schedule).toMatchObject({ reconcile: { lastDays: null, repair: true } });
  await fixture.put(`${SCHEDULES}/truth`, { ...NIGHTLY, reconcile: { lastDays: 2 } });

  const results = async () => {
    const query = "WorkflowType = 'scheduledReconciliation' AND ExecutionStatus = 'Completed'";
    const found: { status: string }[] = [];
    for await (const { workflowId, runId } of fleet.client.workflow.list({ query }))
      found.push(await fleet.client.workflow.result(workflowId, runId));
    return found.map(({ status }) => status).sort();
  };
  await handle('truth').trigger();
  await eventually(async () => expect(await results()).toEqual(['ran']));
  const { reconciliations } = (await fixture.get('/api/v1/legacy-sync/reconciliations')).body;
  const twoDaysAgo = new Date(Date.now() - 2.5 * 86_400_000).toISOString().slice(0, 10);
  expect(reconciliations).toMatchObject([
    { workflowId: 'reconcile-fleet', state: 'completed', requestedBy: 'schedule truth', to: null },
  ]);
  // It may have become another day meanwhile.
  expect(Date.parse(twoDaysAgo) - Date.parse(reconciliations[0].from)).toBeLessThanOrEqual(86_400_000);
  expect(reconciliations[0].from <= twoDaysAgo).toBe(true);

  await Promise.all(fleet.workers().map((worker) => worker.stop()));
  const byHand = await startReconciliation(fleet.client, { selection: { kind: 'all' } });
  await handle('truth').trigger();
  await startSyncWorker(fixture);
  await byHand.result();
  await eventually(async () => expect(await results()).toEqual(['ran', 'skipped']));
  expect((await fleet.cli('schedules', 'delete', 'truth', '--reason', 'the test ends')).status).toBe(0);
});

test.each([
  [{}, /either cron or an interval/],
  [{ cron: '0 3 * * *', everyMs: 60_000 }, /either cron or an interval/],
  [{ cron: '0 25 * * *' }, /Temporal refuses its times/],
  [{ cron: 'CRON_TZ=UTC 0 3 * * *' }, /five fields/],
  [{ cron: '0 3 * * * # at night' }, /five fields/],
  [{ everyMs: 59_000 }, /at least 60/],
  [{ everyMs: 60_000, timeZone: 'Moon/Base' }, /is no time zone/],
])('%j is refused with its reason and stores nothing', async (body, reason) => {
  const refused = await fixture.put(`${SCHEDULES}/wrong`, body);
  expect(refused).toMatchObject({ status: 400, body: { error: expect.stringMatching(reason) } });
  expect((await fixture.get(`${SCHEDULES}/wrong`)).status).toBe(404);
});

test('what a schedule starts is the run that a hand starts, and beside that one it is skipped', async () => {
  const { fleet } = fixture;
  const put = await fleet.cli('schedules', 'put', 'often', '--every', '30d', '--all', '--jitter', '10m');
  expect(put).toMatchObject({ status: 0, stdout: expect.stringMatching(/^often: every 720h00m; next 20/) });
  await handle('often').trigger();
  const ran = () => fixture.get('/api/v1/legacy-sync/runs').then(({ body }) => body.runs);
  await eventually(async () => {
    expect(await ran()).toMatchObject([
      { workflowId: 'fleet-sync/all', state: 'completed', requestedBy: 'schedule often' },
    ]);
  });
  await expectInvariants(fleet, vehicleIds);

  await Promise.all(fleet.workers().map((worker) => worker.stop()));
  const byHand = await fleet.start();
  await handle('often').trigger();
  await fleet.startWorker();
  await byHand.result();
  await eventually(async () => {
    const wrappers = fleet.client.workflow.list({
      query: "WorkflowType = 'scheduledFleetSync' AND ExecutionStatus = 'Completed'",
    });
    const results: unknown[] = [];
    for await (const { workflowId, runId } of wrappers)
      results.push(await fleet.client.workflow.result(workflowId, runId));
    expect(results).toHaveLength(2);
    expect(results).toContainEqual({ status: 'skipped', result: null });
  });
  expect(await ran()).toHaveLength(2);
  const { stdout } = await fleet.cli('schedules', 'list');
  expect(stdout).toMatch(/often +every 720h00m +all vehicles.*, delta +20/);
  for (const [word, said] of [
    ['pause', 'is paused'],
    ['delete', 'is deleted'],
  ] as const) {
    expect(await fleet.cli('schedules', word, 'often', '--reason', 'the test ends')).toMatchObject({
      status: 0,
      stdout: `often ${said}\n`,
    });
  }
  expect(await fleet.cli('schedules', 'resume', 'often', '--reason', 'gone')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('There is no schedule often'),
  });
});
