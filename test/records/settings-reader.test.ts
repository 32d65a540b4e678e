import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Listener } from '../../src/connections/listen.ts';
import { type SettingsReader, createSettingsReader } from '../../src/records/settings-reader.ts';
import type { LegacySyncSettings } from '../../src/settings/legacy-sync.ts';
import { createFleetNotifier } from '../../src/workers/fleet-notifier.ts';
import { addServer, emptyFleet, failed, fleetOf, set, slotOf, startRun } from '../support/fleet-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../support/stack.ts';
import { type TestNamespace, createNamespace } from '../support/temporal-namespace.ts';

const logger = pino({ level: 'silent' });
let database: FreshDatabase;
let settings: SettingsReader;

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyFleet(database.pool);
  settings = createSettingsReader(database.pool, logger);
});
afterAll(() => database?.drop());

/** A row that the schema refuses, as an older version or a slip leaves it. */
const refuse = () =>
  database.pool.query(`INSERT INTO system_settings (key, value, type, category)
    VALUES ('legacy_sync.worker_pool.max_worker', '50', 'number', 'legacy_sync')`);
const mend = () => database.pool.query(`DELETE FROM system_settings WHERE key = 'legacy_sync.worker_pool.max_worker'`);

test('a reader that has read nothing yet does not guess', async () => {
  expect(() => settings.current()).toThrow('before they had been read');
  await refuse();
  await expect(settings.read()).rejects.toMatchObject({ code: 'InvalidSetting' });
  expect(() => settings.current()).toThrow('before they had been read');
});

test('a refused row leaves the last good settings in force, and what is mended counts at once', async () => {
  await set(database.pool, 'worker_pool.max_workers', 7);
  await settings.read();
  await refuse();
  await set(database.pool, 'worker_pool.max_workers', 9);
  expect(await settings.read()).toMatchObject({ maxWorkers: 7 });
  await mend();
  expect(await settings.read()).toMatchObject({ maxWorkers: 9 });
  expect(settings.current()).toMatchObject({ maxWorkers: 9 });
});

test('a reading that began earlier and ends later does not bring old settings back', async () => {
  const answers: ((maxWorkers: number) => void)[] = [];
  const slow = {
    query: () =>
      new Promise((resolve) =>
        answers.push((maxWorkers) => {
          const row = { key: 'legacy_sync.worker_pool.max_workers', value: `${maxWorkers}`, type: 'number' };
          resolve({ rows: [{ text: JSON.stringify([row]) }] });
        }),
      ),
  } as never;
  const [earlier, later] = [settings.read(slow), settings.read(slow)];
  answers[1]!(9);
  await later;
  answers[0]!(7);
  expect(await earlier).toMatchObject({ maxWorkers: 7 });
  expect(settings.current()).toMatchObject({ maxWorkers: 9 });
});

describe('a changed setting', () => {
  let temporal: TestNamespace;
  let following: Listener;
  let notify: (settings: LegacySyncSettings) => void;

  beforeAll(async () => {
    temporal = await createNamespace(sharedStack().temporal.address, `settings-reader-${randomUUID()}`);
  }, 60_000);
  beforeEach(async () => {
    notify = createFleetNotifier({ client: temporal.client, pool: database.pool, logger });
    await settings.read();
    following = await settings.follow(database.url, (changed) => notify(changed));
  });
  afterEach(() => following?.close());
  afterAll(() => temporal?.close());

  test('reaches what is followed, the next claim, the running run and a range that is shortened, alike', async () => {
    await addServer(database.pool, 'depot-1', { count: 8 });
    const fleet = fleetOf(database.pool, { settings });
    // No worker polls: what the run is told stays in its history.
    const workflowId = `fleet-sync/${randomUUID()}`;
    const handle = await temporal.client.workflow.start('fleetSync', { workflowId, taskQueue: 'nobody' });
    const runId = handle.firstExecutionRunId;
    const plan = { runId, workflowId, selection: { kind: 'all' }, mode: 'delta', requestedBy: 'test' } as const;
    await fleet.planRun({ ...plan, maxWorkers: null });
    const slot = slotOf(fleet, runId, 1);
    await slot.claim();

    await database.pool.query('UPDATE vehicle_syncs SET planned_rows = 1000000');
    await set(database.pool, 'export.range_rows', 4_000);
    await set(database.pool, 'worker_pool.max_workers', 6);

    expect(await slot.ask(failed('1', 'VehicleTimeout'))).toMatchObject({ kind: 'vehicle', workers: 6 });
    const { rows } = await database.pool.query('SELECT range_rows FROM vehicles WHERE id = 1');
    expect(rows).toEqual([{ range_rows: 500 }]);
    await eventually(() => expect(settings.current()).toMatchObject({ maxWorkers: 6, rangeRows: 4_000 }));
    await eventually(async () => {
      const { events } = await handle.fetchHistory();
      const told = events?.flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
        (signal?.input?.payloads ?? []).map(({ data }) => Buffer.from(data!).toString()),
      );
      expect(told?.at(-1)).toBe('6');
    });
  });

  test('of the pool as a whole counts for a run with a number of its own, too', async () => {
    await addServer(database.pool, 'depot-1', { count: 2 });
    const fleet = fleetOf(database.pool, { settings });
    const slot = slotOf(fleet, await startRun(fleet, { maxWorkers: 5 }), 1);
    expect(await slot.ask()).toMatchObject({ workers: 5 });
    await set(database.pool, 'worker_pool.enabled', false);
    expect(await slot.ask()).toMatchObject({ workers: 1 });
  });
});
