import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Failure } from '../../../../src/errors.ts';
import { readCircuit } from '../../../../src/pool/circuit-store.ts';
import type { LegacyPlanner } from '../../../../src/activities/legacy-sync/legacy-host/legacy-planner.ts';
import type { PlanRunInput } from '../../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  fleetDatabase,
  fakePlanner,
  fleetOf,
  set,
  startRun,
  syncRow,
} from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

const inputFor = (over: Partial<PlanRunInput> = {}): PlanRunInput => ({
  runId: randomUUID(),
  workflowId: 'fleet-sync/all',
  selection: { kind: 'all' },
  mode: 'delta',
  requestedBy: 'ann',
  maxWorkers: null,
  ...over,
});

const plannedIds = async (runId: string): Promise<string[]> => {
  const { rows } = await pool().query<{ id: string }>(
    'SELECT vehicle_id AS id FROM vehicle_syncs WHERE run_id = $1 ORDER BY vehicle_id',
    [runId],
  );
  return rows.map(({ id }) => id);
};

test('plans what is new, counts what is up to date, settles what cannot be planned', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 4 });
  await pool().query('UPDATE vehicles SET watermark = 40, priority = 7 WHERE id = 1');
  await pool().query('UPDATE vehicles SET watermark = 30 WHERE id = 2');
  const seen: unknown[] = [];
  const fleet = fleetOf(pool(), {
    planner: fakePlanner(
      (id) =>
        ({
          '1': 15,
          '2': 0,
          '3': { vehicleId: id, newRows: 1_000_000, rereadRows: 0, capped: true, maxId: '5000000' },
          '4': { vehicleId: id, failure: { code: 'TableMissing' as const, message: 'no table positions' } },
        })[id] ?? 0,
      (request) => void seen.push(request.vehicles.map(({ vehicle, fromId }) => [vehicle.id, fromId])),
    ),
  });
  const input = inputFor();
  expect(await fleet.planRun(input)).toEqual({
    planned: 2,
    upToDate: 1,
    failed: 1,
    plannedRows: 1_000_015,
    // No more than there is to do.
    workers: 2,
  });
  expect(seen).toEqual([
    [
      ['1', '40'],
      ['2', '30'],
      ['3', '0'],
      ['4', '0'],
    ],
  ]);
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({
    state: 'planned',
    class: 7,
    planned_rows: '15',
    rows_capped: false,
    mode: 'delta',
    cursor_id: '40',
    frozen_to_id: '55',
  });
  expect(await syncRow(pool(), input.runId, '3')).toMatchObject({ rows_capped: true, frozen_to_id: '5000000' });
  expect(await syncRow(pool(), input.runId, '4')).toMatchObject({
    state: 'settled',
    failure_code: 'TableMissing',
    failure_message: 'no table positions',
  });
  expect(await plannedIds(input.runId)).toEqual(['1', '3', '4']);
  const synced = await pool().query('SELECT id FROM vehicles WHERE last_synced_at IS NOT NULL');
  expect(synced.rows).toEqual([{ id: '2' }]);
  const tables = await pool().query('SELECT server_id, table_name, columns FROM legacy_tables');
  expect(tables.rows).toEqual([
    {
      server_id: 'depot-1',
      table_name: 'positions',
      columns: [{ name: 'id', dataType: 'bigint', columnType: 'bigint(20)', nullable: false }],
    },
  ]);
  expect(await fleet.finishRun({ runId: input.runId, outcome: 'completed' })).toMatchObject({
    vehicles: 4,
    upToDate: 1,
    failed: 3,
  });
});

test('full mode starts at the beginning, whatever was seen', async () => {
  await addServer(pool(), 'depot-1');
  await pool().query('UPDATE vehicles SET watermark = 40');
  const asked: unknown[] = [];
  const fleet = fleetOf(pool(), {
    planner: fakePlanner(
      () => 60,
      ({ vehicles }) => void asked.push(vehicles[0]?.fromId, vehicles[0]?.seen),
    ),
  });
  const input = inputFor({ mode: 'full' });
  await fleet.planRun(input);
  expect(asked).toEqual(['0', null]);
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({ cursor_id: '0', frozen_to_id: '60' });
});

test('other rows behind a vehicle that has nothing new than were seen are planned as a full reading of that window', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 3 });
  await pool().query(
    `UPDATE vehicles SET watermark = 40, seen_from_id = 10, seen_to_id = 40, seen_rows = 12, seen_id_sum = 77, seen_marks = '[["39", 5]]' WHERE id < 3`,
  );
  // Somebody moved the watermark since: what the import saw says nothing about this window.
  await pool().query('UPDATE vehicles SET watermark = 41 WHERE id = 2');
  const asked: unknown[] = [];
  const fleet = fleetOf(pool(), {
    planner: fakePlanner(
      (vehicleId) => ({ vehicleId, newRows: 0, rereadRows: vehicleId === '1' ? 2 : 0, capped: false, maxId: '40' }),
      ({ vehicles }) => void asked.push(vehicles.map(({ seen }) => seen)),
    ),
  });
  const input = inputFor();
  expect(await fleet.planRun(input)).toMatchObject({ planned: 1, upToDate: 2, plannedRows: 2 });
  expect(asked).toEqual([[{ fromId: '10', toId: '40', rows: 12, idSum: 77, marks: [['39', 5]] }, null, null]]);
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({ mode: 'full', cursor_id: '10', frozen_to_id: '40' });
  await fleet.claimNext({ runId: input.runId, slot: 1, sequence: 1, settle: null });
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({ state: 'claimed', cursor_id: '10' });
});

test('what a server answers and PostgreSQL refuses fails that server’s vehicles, and the others are planned', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 2 });
  await addServer(pool(), 'depot-2', { first: 11, count: 1 });
  const beyond = '99999999999999999999';
  const fleet = fleetOf(pool(), {
    planner: fakePlanner((vehicleId) =>
      vehicleId === '2' ? { vehicleId, newRows: 1, rereadRows: 0, capped: false, maxId: beyond } : 10,
    ),
  });
  const input = inputFor();
  expect(await fleet.planRun(input)).toMatchObject({ planned: 1, failed: 2, plannedRows: 10 });
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({
    state: 'settled',
    failure_code: 'Unexpected',
    failure_message: expect.stringContaining('SQLSTATE 22003'),
  });
});

test.each([
  ['name', { requestedBy: 'a\0b' }],
  ['selection', { selection: { kind: 'all', note: 'a\0b' } as PlanRunInput['selection'] }],
])('a run whose %s PostgreSQL cannot keep is refused, not tried for ever', async (_, over) => {
  await addServer(pool(), 'depot-1');
  await expect(fleetOf(pool()).planRun(inputFor(over))).rejects.toMatchObject({
    code: 'InvalidSelection',
    message: expect.stringMatching(/cannot keep its selection or requestedBy \(SQLSTATE 22/),
  });
});

test('a retry goes on where it stopped: a planned server is not asked again, and nothing is counted twice', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 3 });
  await addServer(pool(), 'depot-2', { first: 11, count: 3 });
  await pool().query('UPDATE vehicles SET watermark = 30 WHERE id = 1');
  const asked: string[] = [];
  let cancelSecond = true;
  const fleet = fleetOf(pool(), {
    planner: fakePlanner(
      (id) => (id === '1' ? 0 : 10),
      ({ server }) => {
        asked.push(server.id);
        // PostgreSQL goes away while the second server is planned: that is no failure of its vehicles.
        if (server.id === 'depot-2' && cancelSecond) throw new Failure('DatabaseUnavailable', 'in a test');
      },
    ),
  });
  const input = inputFor();
  await expect(fleet.planRun(input)).rejects.toMatchObject({ code: 'DatabaseUnavailable' });
  cancelSecond = false;
  const planned = { planned: 5, upToDate: 1, failed: 0, plannedRows: 50, workers: 3 };
  expect(await fleet.planRun(input)).toEqual(planned);
  expect(await fleet.planRun(input)).toEqual(planned);
  expect(asked.sort()).toEqual(['depot-1', 'depot-2', 'depot-2']);
  const { rows } = await pool().query('SELECT up_to_date FROM sync_runs');
  expect(rows).toEqual([{ up_to_date: 1 }]);
});

test('a server that cannot be reached fails its vehicles, not the run, and its circuit hears of it', async () => {
  await set(pool(), 'export.plan_patience_ms', 0);
  await addServer(pool(), 'depot-1', { first: 1, count: 2 });
  await addServer(pool(), 'depot-2', { first: 11, count: 1 });
  const fleet = fleetOf(pool(), {
    planner: fakePlanner(
      () => 10,
      ({ server }) => {
        if (server.id === 'depot-1') throw new Failure('SshUnreachable', 'no answer on port 22');
      },
    ),
  });
  const input = inputFor();
  expect(await fleet.planRun(input)).toMatchObject({ planned: 1, failed: 2 });
  expect(await syncRow(pool(), input.runId, '2')).toMatchObject({
    status: 'failed',
    failure_code: 'SshUnreachable',
    failure_message: 'no answer on port 22',
  });
  expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed', failures: 1 });
  expect(await readCircuit(pool(), 'depot-2')).toMatchObject({ state: 'closed', failures: 0 });
});

test('a run in which every vehicle failed is not told as completed; one that found a vehicle up to date is', async () => {
  await addServer(pool(), 'depot-1', { count: 2 });
  const runWith = async (planner: LegacyPlanner): Promise<unknown> => {
    const fleet = fleetOf(pool(), { planner });
    const input = inputFor();
    await fleet.planRun(input);
    const summary = await fleet.finishRun({ runId: input.runId, outcome: 'completed' });
    expect(await fleet.finishRun({ runId: input.runId, outcome: 'completed' })).toEqual(summary);
    return summary;
  };
  const broken = (vehicleId: string) => ({
    vehicleId,
    failure: { code: 'TableMissing' as const, message: 'no table positions' },
  });
  expect(await runWith(fakePlanner(broken))).toMatchObject({ state: 'failed', completed: 0, failed: 2 });
  await pool().query('UPDATE vehicles SET watermark = 5 WHERE id = 1');
  const one = await runWith(fakePlanner((id) => (id === '1' ? 0 : broken(id))));
  expect(one).toMatchObject({ state: 'completed', failed: 1, upToDate: 1 });
});

test('vehicles and servers that do not fit are named, and not asked for', async () => {
  await addServer(pool(), 'depot-1', { count: 2 });
  await addServer(pool(), 'depot-2', { first: 11 });
  await pool().query('UPDATE vehicles SET legacy_vehicle_id = NULL WHERE id = 1');
  await pool().query(`UPDATE legacy_servers SET time_zone = 'Yakutsk' WHERE id = 'depot-2'`);
  const input = inputFor();
  expect(await fleetOf(pool()).planRun(input)).toMatchObject({ planned: 1, failed: 2 });
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({
    failure_code: 'InvalidConfiguration',
    failure_message: expect.stringContaining('has no legacy vehicle id'),
  });
  expect(await syncRow(pool(), input.runId, '11')).toMatchObject({
    failure_code: 'InvalidConfiguration',
    failure_message: expect.stringContaining('IANA time zone'),
  });
});

test('a vehicle that the plan forgot fails instead of vanishing', async () => {
  await addServer(pool(), 'depot-1', { count: 2 });
  const planner = {
    plan: async () => ({
      vehicles: [{ vehicleId: '1', newRows: 1, rereadRows: 0, capped: false, maxId: '1' }],
      tables: [],
      warnings: [],
    }),
  };
  const input = inputFor();
  expect(await fleetOf(pool(), { planner }).planRun(input)).toMatchObject({ planned: 1, failed: 1 });
  expect(await syncRow(pool(), input.runId, '2')).toMatchObject({ failure_code: 'Unexpected' });
});

test('heartbeats while a host takes its time, plans servers at once, and stops when it is cancelled', async () => {
  await addServer(pool(), 'depot-1', { first: 1 });
  await addServer(pool(), 'depot-2', { first: 11 });
  const abort = new AbortController();
  const beats: unknown[] = [];
  let inside = 0;
  const fleet = fleetOf(pool(), {
    heartbeat: (details) => void beats.push(details),
    cancellationSignal: () => abort.signal,
    planner: fakePlanner(
      () => 1,
      ({ signal }) => {
        inside += 1;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    ),
  });
  const ended = fleet.planRun(inputFor()).catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 3_300));
  expect(inside).toBe(2);
  expect(beats).toContainEqual({ serversPlanned: 0, servers: 2 });
  abort.abort(new Error('stop now'));
  expect(await ended).toMatchObject({ message: 'stop now' });
  const { rows } = await pool().query('SELECT count(*)::int AS n FROM vehicle_syncs');
  expect(rows).toEqual([{ n: 0 }]);
});

test.each([
  ['all', { kind: 'all' as const }, ['1', '2', '4', '5']],
  ['a list', { kind: 'list' as const, vehicleIds: ['5', '1', '5'] }, ['1', '5']],
  ['by priority', { kind: 'priority' as const, atLeast: 3 }, ['2', '5']],
  ['the first two', { kind: 'first' as const, count: 2 }, ['2', '5']],
  ['the first three', { kind: 'first' as const, count: 3 }, ['1', '2', '5']],
])('selection: %s', async (_, selection, ids) => {
  await addServer(pool(), 'depot-1', { count: 5 });
  await pool().query('UPDATE vehicles SET enabled = false, priority = 9 WHERE id = 3');
  await pool().query('UPDATE vehicles SET priority = 3 WHERE id = 5');
  await pool().query('UPDATE vehicles SET priority = 4 WHERE id = 2');
  expect(await plannedIds(await startRun(fleetOf(pool()), { selection }))).toEqual(ids);
});

test.each([
  [{ kind: 'list' as const, vehicleIds: ['1', '77', '3', '88'] }, 'unknown vehicles: 77, 88; disabled vehicles: 3'],
  [{ kind: 'list' as const, vehicleIds: [] }, 'the list of vehicles is empty'],
  [
    { kind: 'list' as const, vehicleIds: ["1'; --", '99999999999999999999'] },
    "these are no vehicle ids: 1'; --, 99999999999999999999",
  ],
  [{ kind: 'first' as const, count: 0 }, '"first" must be a whole number above 0, not 0'],
  [{ kind: 'priority' as const, atLeast: 1.5 }, '"priority at least" must be a whole number, not 1.5'],
])('the selection %j is refused, and starts nothing', async (selection, why) => {
  await addServer(pool(), 'depot-1', { count: 3 });
  await pool().query('UPDATE vehicles SET enabled = false WHERE id = 3');
  const fleet = fleetOf(pool());
  const input = inputFor({ selection });
  await expect(fleet.planRun(input)).rejects.toMatchObject({
    code: 'InvalidSelection',
    message: `Choosing vehicles for a run: ${why}. Nothing was started.`,
  });
  expect((await pool().query('SELECT FROM sync_runs')).rowCount).toBe(0);
  expect(await fleet.finishRun({ runId: input.runId, outcome: 'failed' })).toEqual({
    runId: input.runId,
    vehicles: 0,
    completed: 0,
    failed: 0,
    upToDate: 0,
    rows: 0,
    bytes: 0,
    quarantined: 0,
  });
});

test('the workers of a plan follow the run, the setting and the switch, and never outnumber the vehicles', async () => {
  await addServer(pool(), 'depot-1', { count: 10 });
  const fleet = fleetOf(pool());
  expect(await fleet.planRun(inputFor({ maxWorkers: 9 }))).toMatchObject({ workers: 9 });
  expect(await fleet.planRun(inputFor())).toMatchObject({ workers: 3 });
  expect(await fleet.planRun(inputFor({ maxWorkers: 1_000 }))).toMatchObject({ workers: 10 });
  await set(pool(), 'worker_pool.enabled', false);
  expect(await fleet.planRun(inputFor({ maxWorkers: 9 }))).toMatchObject({ workers: 1 });
});

test('a vehicle whose legacy id occurs nowhere is said to be so, and one whose rows were deleted after they had been synced is up to date', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 2 });
  await pool().query('UPDATE vehicles SET watermark = 30 WHERE id = 2');
  const nothing = (vehicleId: string) => ({ vehicleId, newRows: 0, rereadRows: 0, capped: false, maxId: '0' });
  const input = inputFor();
  const fleet = fleetOf(pool(), { planner: fakePlanner(nothing) });
  expect(await fleet.planRun(input)).toMatchObject({ planned: 0, upToDate: 1, failed: 1 });
  expect(await syncRow(pool(), input.runId, '1')).toMatchObject({
    failure_code: 'VehicleWithoutRows',
    failure_message: expect.stringMatching(
      /no row of positions on depot-1 has its legacy id 1, .*vehicles discover depot-1/,
    ),
  });
});

test('with auto_add a bus that appears in a legacy table is in the next run, once, with its row in the audit log', async () => {
  await addServer(pool(), 'depot-1', { first: 1, count: 2 });
  await addServer(pool(), 'depot-2', { first: 11, count: 1 });
  const found = ['1', '2', '77'].map((key) => ({
    table: 'positions',
    legacyVehicleId: key,
    label: `Bus ${key}`,
    series: null,
  }));
  const discover = async ({ id }: { id: string }) => {
    if (id === 'depot-2') throw new Failure('SshUnreachable', 'in a test');
    return found;
  };
  const fleet = fleetOf(pool(), { discover });
  expect(await fleet.planRun(inputFor())).toMatchObject({ planned: 3 });
  await set(pool(), 'vehicles.auto_add', true);
  expect(await fleet.planRun(inputFor({ selection: { kind: 'first', count: 2 } }))).toMatchObject({ planned: 2 });
  const input = inputFor();
  expect(await fleet.planRun(input)).toMatchObject({ planned: 4 });
  expect(await fleet.planRun(inputFor())).toMatchObject({ planned: 4 });
  const vehicles = await pool().query('SELECT label, legacy_vehicle_id FROM vehicles WHERE id = 12');
  expect(vehicles.rows).toEqual([{ label: 'Bus 77', legacy_vehicle_id: '77' }]);
  const { rows } = await pool().query("SELECT actor, subject, reason FROM audit_log WHERE action = 'vehicle.created'");
  expect(rows).toEqual([
    { actor: `run ${input.runId}`, subject: 'vehicle 12', reason: 'legacy_sync.vehicles.auto_add' },
  ]);
});
