import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serverTestWorkflowId } from '../../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { SERVER_ID, untilStage } from '../../support/fleet.ts';
import { unlisted } from '../../compose/exported-series.ts';
import { type ApiFixture, openApi, startSyncWorker, untilNobody, untilRunEnded } from '../../support/fleet-api.ts';
import { type EventStream, openEvents } from '../../support/event-stream.ts';

const RUNS = '/api/v1/legacy-sync/runs';
const VEHICLES = '/api/v1/legacy-sync/vehicles';
const SERVERS = '/api/v1/legacy-sync/servers';

let fixture: ApiFixture;
let vehicleIds: string[];
/** A run that was cancelled before there was a worker. */
let cancelledUnseen: string;

beforeAll(async () => {
  fixture = await openApi({ environment: { FLEETGRAPH_API_EVENT_PING_MS: '1000' } });
  vehicleIds = await fixture.fleet.addVehicles(4, { rows: 50 });
  await fixture.fleet.set({ 'worker_pool.claim_poll_ms': 100 });
}, 120_000);
afterAll(() => fixture?.close());

test('a run that no worker has seen is cancelled or terminated as any other', async () => {
  const start = async (vehicleId: string | undefined): Promise<string> =>
    (await fixture.post(RUNS, { selection: { kind: 'list', vehicleIds: [vehicleId] } })).body.runId;
  const [cancelled, terminated] = [await start(vehicleIds[0]), await start(vehicleIds[1])];
  await untilNobody(fixture, `${RUNS}/${cancelled}/pause`);
  expect((await fixture.post(`${RUNS}/${cancelled}/cancel`)).status).toBe(202);
  // Until it has ended it is in the list, and whoever starts the same again is sent to it; unless Temporal is busy and tells neither.
  const again = { selection: { kind: 'list', vehicleIds: [vehicleIds[1]] } };
  const runs = [terminated, cancelled].map((runId) => expect.objectContaining({ runId }));
  await eventually(async () => {
    expect((await fixture.get(`${RUNS}?state=running`)).body.runs).toEqual(runs);
    expect((await fixture.get(`${RUNS}?limit=1`)).body.runs).toEqual(runs.slice(0, 1));
    const refused = await fixture.post(RUNS, again);
    expect([refused.status, refused.body.link]).toEqual([409, `${RUNS}/${terminated}`]);
  });
  const workflowId = (await fixture.get(`${RUNS}/${terminated}`)).body.run.workflowId;
  await fixture.fleet.client.workflow.getHandle(workflowId, terminated).terminate('in a test');
  expect(await untilRunEnded(fixture, terminated)).toMatchObject({
    state: 'terminated',
    finishedAt: expect.any(String),
  });
  // Whoever steers it from elsewhere is told the same word.
  const told = expect.stringContaining('it is terminated since');
  await eventually(() => expect(fixture.fleet.manager.cancel(terminated)).rejects.toMatchObject({ message: told }));
  expect((await fixture.post(`${RUNS}/${terminated}/cancel`)).body).toMatchObject({ status: 409, code: 'WrongState' });
  // Its clean-up is the worker's: until there is one, it goes on.
  expect((await fixture.get(`${RUNS}/${cancelled}`)).body.run).toMatchObject({ state: 'running', vehicles: 0 });
  cancelledUnseen = cancelled;
});

test('a run: started, found before a worker has seen it, refused a second time, followed to its end, and read', async () => {
  const started = await fixture.post(RUNS, { selection: { kind: 'all' }, maxWorkers: 2, reason: 'a first try' });
  expect(started.status).toBe(202);
  const { runId } = started.body;
  expect(started.headers.get('location')).toBe(`${RUNS}/${runId}`);
  expect((await fixture.get(`${RUNS}/${runId}`)).body).toMatchObject({
    run: { state: 'running', vehicles: 0 },
    workers: [],
  });
  const again = await fixture.post(RUNS);
  expect(again).toMatchObject({ status: 409, body: { code: 'AlreadyRunning' } });

  const head = await fetch(`${fixture.api.url}${RUNS}/${runId}/events`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${fixture.keys.viewer}` },
    signal: AbortSignal.timeout(5_000),
  });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const events = await openEvents(`${fixture.api.url}${RUNS}/${runId}/events`, fixture.keys.viewer);
  // Nothing goes on yet, and the line is kept open.
  await eventually(() => expect(events.comments).toContain(': ping'));
  await startSyncWorker(fixture);
  const run = await untilRunEnded(fixture, runId);
  expect(await untilRunEnded(fixture, cancelledUnseen)).toMatchObject({ state: 'cancelled', vehicles: 0 });
  expect(run).toMatchObject({
    state: 'completed',
    vehicles: 4,
    completed: 4,
    failed: 0,
    rows: 200,
    requestedBy: 'test admin',
  });
  await expectWholeStream(events);
  // The slot that ended last shows the vehicle it had, and all of what that brought.
  const slots = (await fixture.get(`${RUNS}/${runId}`)).body.workers;
  const ended = { status: 'completed', vehicle: expect.stringMatching(/^bus-\d$/), rows: 50, percent: 100 };
  expect(slots).toContainEqual(expect.objectContaining(ended));
  expect(Math.max(...slots.map(({ bytes }: { bytes: number }) => bytes))).toBeGreaterThan(0);

  const { body: page } = await fixture.get(`${RUNS}/${runId}/vehicles?limit=3`);
  const { body: rest } = await fixture.get(`${RUNS}/${runId}/vehicles?limit=3&after=${page.next}`);
  expect([...page.vehicles, ...rest.vehicles].map(({ vehicleId }: { vehicleId: string }) => vehicleId)).toEqual(
    vehicleIds,
  );
  expect(rest.next).toBeNull();
  expect(page.vehicles[0]).toMatchObject({ status: 'completed', rows: 50, inserted: 50, workflowId: 'vehicle-sync/1' });
  const timeline = `${RUNS}/${runId}/timeline`;
  const { body: early } = await fixture.get(`${timeline}?limit=3`, { as: 'viewer' });
  const { body: late } = await fixture.get(`${timeline}?limit=3&after=${early.next}`);
  expect([early.bars.length, late.bars.length, late.next]).toEqual([3, 1, null]);
  const bars = [...early.bars, ...late.bars];
  expect(bars.map(({ name }: { name: string }) => name).sort()).toEqual(['bus-1', 'bus-2', 'bus-3', 'bus-4']);
  expect(bars).toContainEqual(
    expect.objectContaining({ slot: 1, sequence: 1, status: 'completed', rows: 50, error: null }),
  );
  expect((await fixture.get(`${timeline}?since=${new Date(Date.now() + 60_000).toISOString()}`)).body.bars).toEqual([]);
  expect(await fixture.get(`${timeline}?after=bus-1`)).toMatchObject({ status: 400 });
  await fixture.fleet.pool.query(
    `WITH read AS (INSERT INTO table_reads (run_id, server_id, table_name, slices, overlap_ids) VALUES ($1, 'depot', 'gps', 12, 0) RETURNING id)
     UPDATE vehicle_syncs SET read_id = read.id, read_slice = 3 FROM read WHERE run_id = $1 AND vehicle_id = 2`,
    [runId],
  );
  const { body: together } = await fixture.get(`${RUNS}/${runId}/vehicles?limit=1&after=1`);
  expect(together.vehicles[0]).toMatchObject({
    slice: { serverId: 'depot', table: 'gps', number: 3, of: 12 },
    workflowId: `table-slice/depot/gps/${runId}/3`,
  });
  const lastRunOf = async (id: string) => (await fixture.get(`${VEHICLES}/${id}`)).body.vehicle.lastRun;
  expect(await lastRunOf('1')).toMatchObject({ slice: null, workflowId: 'vehicle-sync/1' });
  expect(await lastRunOf('2')).toMatchObject({
    slice: { number: 3, of: 12 },
    workflowId: `table-slice/depot/gps/${runId}/3`,
  });
  const inState = async (state: string): Promise<unknown> =>
    (await fixture.get(`${RUNS}/${runId}/vehicles?state=${state}`)).body.vehicles.length;
  expect([await inState('completed'), await inState('settled'), await inState('failed')]).toEqual([4, 4, 0]);
  expect((await fixture.get(`${RUNS}/${runId}/vehicles?status=failed`)).body.vehicles).toEqual([]);
  expect((await fixture.get(`${RUNS}/${runId}/vehicles?state=done`)).body.errors).toEqual([
    {
      field: 'query.state',
      rule: 'invalid_value',
      message: expect.stringMatching(/expected one of .*"settled".*"completed"/),
    },
  ]);

  const { body: over } = await fixture.get(`${RUNS}/${runId}/throughput`);
  expect(over.points.reduce((sum: number, { rows }: { rows: number }) => sum + rows, 0)).toBe(200);
  const { body: listed } = await fixture.get(`${RUNS}?limit=1`);
  expect(listed.runs).toMatchObject([{ runId, completed: 4 }]);
  expect((await fixture.get(`${RUNS}/${runId}`)).body.workers[0]).toMatchObject({
    slot: 1,
    mbPerSecond: expect.any(Number),
  });
  await expectKpis(runId);
  expect(await fixture.post(`${RUNS}/${runId}/pause`)).toMatchObject({ status: 409, body: { code: 'WrongState' } });
  expect(await fixture.post(`${RUNS}/${runId}/retry-failed`)).toMatchObject({ status: 409 });
});

/** Its figures within each window and in /metrics; and when each vehicle sent last, which was long ago. */
async function expectKpis(runId: string): Promise<void> {
  const { body } = await fixture.get('/api/v1/legacy-sync/kpis', { as: 'viewer' });
  const positive = expect.any(Number);
  const kpis = {
    successRate: 1,
    sshHealth: 1,
    secondsPerVehicle: positive,
    megabytesPerSecond: positive,
    rowsPerSecond: positive,
  };
  expect(body).toMatchObject({
    window: '24h',
    runs: 1,
    kpis,
    errorsBySlot: expect.arrayContaining([expect.objectContaining({ slot: 1, failed: 0 })]),
    connections: [{ serverId: 'depot', inUse: expect.any(Number), places: 5 }],
    news: { silent: 4, fresh: 0, unsynced: 0, never: 0 },
    byRun: [{ runId, kpis }],
  });
  expect(body.kpis.workerUtilisation).toBeGreaterThan(0);
  expect(body.kpis.workerUtilisation).toBeLessThanOrEqual(1);
  expect((await fixture.get('/api/v1/legacy-sync/kpis?window=30d')).body.runs).toBe(1);
  expect((await fixture.get('/api/v1/legacy-sync/kpis?window=1y')).status).toBe(400);
  const { vehicle } = (await fixture.get(`${VEHICLES}/1`)).body;
  const { rows } = await fixture.fleet.pool.query<{ newest: Date }>(
    'SELECT max(time) AS newest FROM positions WHERE vehicle_id = 1',
  );
  expect(vehicle).toMatchObject({ news: 'silent', newestPositionAt: rows[0]!.newest.toISOString() });
  const { body: metrics } = await fixture.get('/metrics', { as: 'viewer' });
  expect(unlisted(metrics as string)).toEqual([]);
  expect(metrics).toMatch(/^fleetgraph_task_queue_polled\{task_queue="legacy-sync"\} 1$/m);
  expect(metrics).toMatch(/^fleetgraph_kpi_success_ratio 1$/m);
  expect(metrics).toMatch(/^fleetgraph_kpi_slot_error_ratio\{slot="1"\} 0$/m);
  expect(metrics).toMatch(/^fleetgraph_vehicles_news\{news="silent"\} 4$/m);
  expect(metrics).toMatch(/^fleetgraph_ssh_connections\{server="depot",of="places"\} 5$/m);
}

/** Every vehicle once, progress, and the end; after the last id nothing but what may have been missed comes again. */
async function expectWholeStream(events: EventStream): Promise<void> {
  await events.ended;
  const named = (name: string) => events.events.filter((each) => each.event === name);
  expect(
    named('vehicle')
      .map(({ data }) => String(data['vehicleId']))
      .sort(),
  ).toEqual(vehicleIds);
  expect(named('progress').length).toBeGreaterThan(0);
  expect(named('end')).toMatchObject([{ data: { state: 'completed' } }]);
  const lastId = named('vehicle').at(-1)!.id!;
  const resumed = await openEvents(events.url, fixture.keys.viewer, lastId);
  await resumed.ended;
  expect(resumed.events.map(({ event }) => event)).toEqual(expect.arrayContaining(['vehicle', 'progress', 'end']));
  const unheard = await openEvents(events.url, fixture.keys.viewer, String(Number(lastId) + 3_600_000));
  await unheard.ended;
  expect(unheard.events.filter(({ event }) => event === 'vehicle')).toEqual([]);
}

test('a run is paused, resumed, given more slots and cancelled; what failed is tried again', async () => {
  // A slow link keeps the vehicles in flight for as long as the test needs them there.
  for (const id of vehicleIds) await fixture.fleet.addRows(id, 500, 200);
  const link = await fixture.fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 6_000 });
  const { runId } = (await fixture.post(RUNS, { maxWorkers: 1 })).body;
  await untilStage(fixture.fleet, runId, 'exporting');

  expect((await fixture.post(`${RUNS}/${runId}/pause`, { reason: 'the host is busy' })).body).toEqual({
    success: true,
    runId,
    paused: true,
  });
  expect((await fixture.get(`${RUNS}/${runId}`)).body.run.paused).toBe(true);
  expect(await fixture.post(`${RUNS}/${runId}/pause`)).toMatchObject({ status: 409, body: { code: 'WrongState' } });
  expect((await fixture.post(`${RUNS}/${runId}/resume`)).status).toBe(200);

  expect((await fixture.put(`${RUNS}/${runId}/max-workers`, { maxWorkers: 3 })).body.maxWorkers).toBe(3);
  await eventually(async () => expect((await fixture.get(`${RUNS}/${runId}`)).body.run.inFlight).toBe(3));
  const busy = (await fixture.get(`${VEHICLES}/${vehicleIds[0]}`)).body.vehicle.lastRun;
  expect(busy).toMatchObject({ runId });
  const { rows } = await fixture.fleet.pool.query(
    `SELECT vehicle_id::text AS id FROM vehicle_syncs WHERE state = 'claimed' LIMIT 1`,
  );
  expect(await fixture.post(`${VEHICLES}/${rows[0].id}/sync`)).toMatchObject({
    status: 409,
    body: { link: `${RUNS}/${runId}` },
  });

  expect((await fixture.post(`${RUNS}/${runId}/cancel`)).status).toBe(202);
  link.set({ kind: 'pass' });
  expect(await untilRunEnded(fixture, runId)).toMatchObject({ state: 'cancelled' });
  const failed = (await fixture.get(`${RUNS}/${runId}/vehicles?status=failed`)).body.vehicles;
  expect(failed[0]).toMatchObject({ error: { code: 'Cancelled' } });

  const retried = await fixture.post(`${RUNS}/${runId}/retry-failed`);
  expect(retried.status).toBe(202);
  const { state, vehicles, upToDate } = await untilRunEnded(fixture, retried.body.runId);
  // A vehicle that was cut after its last commit has nothing left to do.
  expect({ state, taken: vehicles + upToDate }).toEqual({ state: 'completed', taken: failed.length });
}, 120_000);

test('a worker that is busy is waited for, and one that was killed is not', async () => {
  const { fleet } = fixture;
  const [worker] = fleet.workers();
  const address = `${SERVERS}/${SERVER_ID}/test`;
  process.kill(worker!.pid, 'SIGSTOP');
  const waiting = fixture.post(address);
  // Longer than a task may lie where nobody polls.
  await sleep(3_000);
  process.kill(worker!.pid, 'SIGCONT');
  expect((await waiting).body.check).toMatchObject({ ok: true });

  const link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 4_000 });
  await fleet.addRows(vehicleIds[0]!, 500, 200);
  const { runId } = (await fixture.post(RUNS)).body;
  await untilStage(fleet, runId, 'exporting');
  await worker!.kill();
  await untilNobody(fixture, `${RUNS}/${runId}/pause`);
  await untilNobody(fixture, address);
  const test = await fleet.client.workflow.getHandle(serverTestWorkflowId(SERVER_ID)).describe();
  expect(test.status.name).toBe('TERMINATED');
  const unseen = (await fixture.post(RUNS, { mode: 'full' })).body.runId;
  await untilNobody(fixture, `${RUNS}/${unseen}/pause`);
  for (const id of [unseen, runId]) expect((await fixture.post(`${RUNS}/${id}/cancel`)).status).toBe(202);
  link.set({ kind: 'pass' });
  await startSyncWorker(fixture);
  await untilRunEnded(fixture, runId);
  expect(await untilRunEnded(fixture, unseen)).toMatchObject({ state: 'cancelled' });
}, 120_000);

test('a bad selection is refused before anything is started', async () => {
  expect(await fixture.post(RUNS, { selection: { kind: 'first', count: 0 } })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.selection.count', rule: 'too_small' }] },
  });
  // Nothing at all is the whole fleet; what somebody failed to fill in is not.
  for (const body of [{ selection: { kind: 'some' } }, 'null', '[]']) {
    expect(await fixture.post(RUNS, body)).toMatchObject({ status: 400, body: { code: 'InvalidRequest' } });
  }
  const missing = '6f0d8f5a-0000-4000-8000-000000000000';
  expect(await fixture.get(`${RUNS}/${missing}`)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  expect(await fixture.get(`${RUNS}/${missing}/events`)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  expect(await fixture.get(`${RUNS}?after=yesterday`)).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'query.after' }] },
  });
});

test('every act stands in the audit log, before and after it is done', async () => {
  const acts = ['start', 'started', 'pause', 'resume', 'max-workers', 'cancel'].map((act) => `fleet-sync.${act}`);
  expect(await fixture.audited()).toEqual(expect.arrayContaining(acts));
});
