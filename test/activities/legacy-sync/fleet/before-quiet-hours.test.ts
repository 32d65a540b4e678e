import { expect, test } from '@jest/globals';
import { learn, UNSEEN_COST } from '../../../../src/pool/forecast.ts';
import { writeCost } from '../../../../src/records/forecasts.ts';
import { readRun } from '../../../../src/records/sync-runs.ts';
import { requestedBySchedule } from '../../../../src/workflows/legacy-sync/messages.ts';
import { addServer, fakePlanner, fleetDatabase, fleetOf, set } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();
const RUN = '00000000-0000-4000-8000-000000000001';
/** In Asia/Yakutsk, nine hours ahead of UTC, it is ten minutes to seven. */
const TEN_TO_SEVEN = new Date('2026-03-01T21:50:00Z');

/** Vehicles 1 to 4, of which one takes a minute per 1,000 rows: four, three, two and one, and twice that to be sure. */
async function planned(
  over: {
    requestedBy?: string;
    on?: boolean;
    quiet?: string;
    seen?: number;
    now?: Date;
    workers?: number;
    /** Done to the server and its vehicles before the run is planned. */
    before?: () => Promise<unknown>;
  } = {},
) {
  const { requestedBy = requestedBySchedule('nightly'), on = true, quiet = '07:00-09:00', seen = 20 } = over;
  await addServer(pool(), 'depot-1', { count: 4, over: { limits: { quietHours: quiet } } });
  if (on) await set(pool(), 'server.end_before_quiet_hours', true);
  let cost = UNSEEN_COST;
  for (let item = 0; item < seen; item += 1)
    cost = learn(cost, { rows: 1_000 * (1 + (item % 4)), ms: 60_000 * (1 + (item % 4)) });
  if (seen > 0) await writeCost(pool(), 'depot-1', 'vehicle', cost);
  await over.before?.();
  const planner = fakePlanner((id) => 1_000 * (5 - Number(id)));
  const fleet = fleetOf(pool(), { planner, now: () => over.now ?? TEN_TO_SEVEN });
  const input = { runId: RUN, workflowId: 'fleet-sync/all', selection: { kind: 'all' }, mode: 'delta' } as const;
  const plan = await fleet.planRun({ ...input, requestedBy, maxWorkers: over.workers ?? 1 });
  const { rows } = await pool().query<{ id: string }>(
    'SELECT vehicle_id::text AS id FROM vehicle_syncs ORDER BY vehicle_id',
  );
  const { warnings } = await readRun(pool(), RUN);
  return { plan, vehicles: rows.map(({ id }) => id), warnings };
}

test('a scheduled run takes on what ends before quiet hours begin, the rest is named with the reason', async () => {
  const { plan, vehicles, warnings } = await planned();
  // Eight minutes for the first, six do not fit behind it, nor do four; two do.
  expect(vehicles).toEqual(['1', '4']);
  expect(plan).toMatchObject({ planned: 2, plannedRows: 5_000, failed: 0 });
  expect(warnings).toEqual([
    {
      serverId: 'depot-1',
      found:
        '2 vehicles are left for a later run, because by the forecast not all would end before quiet hours begin at 2026-03-01T22:00Z: bus 2, bus 3',
    },
  ]);
});

test('with more slots more is taken on', async () => {
  expect((await planned({ workers: 3 })).vehicles).toEqual(['1', '2', '3', '4']);
});

test('a limit that adapts holds as it is now: with one place, more slots take on no more', async () => {
  const before = async () => {
    await set(pool(), 'adaptive.enabled', true);
    await pool().query(`UPDATE legacy_server_state SET adaptive = '{"limit": {"limit": 1, "phase": "held"}}'`);
  };
  expect((await planned({ workers: 3, before })).vehicles).toEqual(['1', '4']);
});

test('a limit that has adapted to three places takes on as many', async () => {
  const before = async () => {
    await set(pool(), 'adaptive.enabled', true);
    await pool().query(`UPDATE legacy_server_state SET adaptive = '{"limit": {"limit": 3, "phase": "held"}}'`);
  };
  expect((await planned({ workers: 3, before })).vehicles).toEqual(['1', '2', '3', '4']);
});

test('a vehicle is taken on with its parts, or left with them, and is named once', async () => {
  const partOf = (part: number, whole: number) => () =>
    pool().query('UPDATE vehicles SET part_of = $2 WHERE id = $1', [part, whole]);
  // Nine minutes are left. Vehicle 1 takes eight by itself, and ten with vehicle 4 as a part of it; two is done in six.
  const { vehicles, warnings } = await planned({
    before: partOf(4, 1),
    now: new Date(TEN_TO_SEVEN.getTime() + 60_000),
  });
  expect(vehicles).toEqual(['2']);
  expect(warnings).toMatchObject([{ found: expect.stringMatching(/^2 vehicles are left .*: bus 1, bus 3$/) }]);
});

test('what is left keeps its watermark, and is taken on by the next run', async () => {
  await planned();
  const { rows } = await pool().query('SELECT DISTINCT watermark::text, last_synced_at FROM vehicles');
  expect(rows).toEqual([{ watermark: '0', last_synced_at: null }]);
  const fleet = fleetOf(pool(), { planner: fakePlanner(() => 10), now: () => new Date('2026-03-02T03:00:00Z') });
  const input = { workflowId: 'fleet-sync/all', selection: { kind: 'all' }, mode: 'delta', maxWorkers: 1 } as const;
  const requestedBy = requestedBySchedule('nightly');
  await fleet.finishRun({ runId: RUN, outcome: 'cancelled' });
  const next = await fleet.planRun({ ...input, requestedBy, runId: '00000000-0000-4000-8000-000000000002' });
  expect(next).toMatchObject({ planned: 4 });
});

test.each([
  { what: 'the setting is off', over: { on: false } },
  { what: 'somebody started the run by hand', over: { requestedBy: 'anna' } },
  { what: 'the server has no quiet hours', over: { quiet: '' } },
  { what: 'quiet hours are now', over: { quiet: '06:00-09:00' } },
  { what: 'quiet hours are long enough away', over: { quiet: '12:00-13:00' } },
  { what: 'too little is known of the server', over: { seen: 0 } },
])('all are taken on where $what', async ({ over }) => {
  const { vehicles, warnings } = await planned(over);
  expect(vehicles).toEqual(['1', '2', '3', '4']);
  expect(warnings).toEqual([]);
});
