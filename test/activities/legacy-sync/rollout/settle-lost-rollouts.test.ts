/** What the rows say against what Temporal knows, of rollouts. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { IsAlive } from '../../../../src/activities/legacy-sync/fleet/lost-work.ts';
import { createSettleLostRollouts } from '../../../../src/activities/legacy-sync/rollout/settle-lost-rollouts.ts';
import { createRolloutActivities } from '../../../../src/activities/legacy-sync/rollout/rollout-activities.ts';
import { readLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { insertRollout, latestRollouts } from '../../../../src/records/rollouts.ts';
import { readSettings } from '../../../../src/records/settings.ts';
import { createSettingsReader } from '../../../../src/records/settings-reader.ts';
import { addServer, fleetDatabase } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();
const SERVER = 'depot-1';
const BEFORE = [5, 3, false];

let rolloutId: string;
/** A fake of Temporal's `describe`: the workflows that run, as "id@first run id". */
let running: Set<string>;
const isRunning: IsAlive = async (workflowId, firstRunId) =>
  running.has(`${workflowId}@${firstRunId}`) ? 'running' : 'closed';

const acts = () =>
  createRolloutActivities({ pool: pool(), settings: createSettingsReader(pool(), pino({ level: 'silent' })) });
const reconcile = (isAlive = isRunning) =>
  createSettleLostRollouts({ pool: pool(), isAlive, log: pino({ level: 'silent' }) })();
const opened = (position: number, opening = `run/${position}`) =>
  acts().openStep({ rolloutId, opening, position, by: { actor: 'operator' }, unattended: false, forNews: false });
const stateOf = async () => (await latestRollouts(pool(), SERVER))[0]!.state;

async function governed(): Promise<[limit: number | undefined, slots: number, adaptive: boolean]> {
  const { limits } = await readLegacyServer(pool(), SERVER);
  const { maxWorkers, adaptiveEnabled } = await readSettings(pool());
  return [limits.maxConcurrentVehicles, maxWorkers, adaptiveEnabled];
}

beforeEach(async () => {
  rolloutId = randomUUID();
  running = new Set([`rollout/${SERVER}@${rolloutId}`]);
  await addServer(pool(), SERVER, { count: 10 });
  await pool().query(`UPDATE legacy_servers SET limits = '{"maxConcurrentVehicles": 5}'`);
  const plan = { serverId: SERVER, maxWorkers: 8, unattended: false, requestedBy: 'operator' };
  await acts().planRollout({ rolloutId, workflowId: `rollout/${SERVER}`, ...plan });
  for (const position of [0, 3, 5]) await opened(position);
});

test('one whose workflow runs is left alone; another one under the same id is not that workflow', async () => {
  expect(await reconcile()).toEqual([]);
  expect([await governed(), await stateOf()]).toEqual([[8, 8, true], 'running']);
  running = new Set([`rollout/${SERVER}@${randomUUID()}`]);
  expect(await reconcile()).toEqual([rolloutId]);
  expect([await governed(), await stateOf()]).toEqual([BEFORE, 'lost']);
});

test('many workers settle a lost one once, with its running step, and audit it', async () => {
  running.clear();
  expect((await Promise.all(Array.from({ length: 6 }, () => reconcile()))).flat()).toEqual([rolloutId]);
  expect([await governed(), await stateOf()]).toEqual([BEFORE, 'lost']);
  expect((await latestRollouts(pool()))[0]!.runs.at(-1)).toMatchObject({ state: 'withdrawn' });
  const { rows } = await pool().query<{ subject: string }>(
    `SELECT DISTINCT subject FROM audit_log WHERE actor = 'janitor' AND reason LIKE '%ended from outside%' ORDER BY 1`,
  );
  expect(rows.map(({ subject }) => subject)).toEqual([
    'legacy_sync.adaptive.enabled',
    'legacy_sync.worker_pool.max_workers',
    `server ${SERVER}`,
  ]);
});

test('Temporal that does not answer settles nothing', async () => {
  await expect(reconcile(() => Promise.reject(new Error('UNAVAILABLE')))).rejects.toThrow('UNAVAILABLE');
  expect([await governed(), await stateOf()]).toEqual([[8, 8, true], 'running']);
});

test('one that cannot be put back keeps no other from it, and stays as it is', async () => {
  const other = randomUUID();
  await addServer(pool(), 'depot-2', { count: 3, first: 100 });
  const plan = { serverId: 'depot-2', maxWorkers: 8, unattended: false, requestedBy: 'operator' };
  await insertRollout(pool(), { rolloutId: other, workflowId: 'rollout/depot-2', ...plan }, []);
  await pool().query(`UPDATE rollout_steps SET changes = '[{"what": "limit", "from": -1, "to": 8}]' WHERE number = 3`);
  running.clear();
  expect(await reconcile()).toEqual([other]);
  expect([await governed(), await stateOf()]).toEqual([[8, 8, true], 'running']);
});

test('an attempt that outlived its rollout opens no step, and changes nothing', async () => {
  running.clear();
  await reconcile();
  await expect(opened(4)).rejects.toMatchObject({
    code: 'WrongState',
    message: expect.stringContaining('it is lost, and what it had changed is put back'),
  });
  // The answer of one that was opened before stays what it was.
  expect(await opened(5)).toEqual({ number: 3 });
  expect(await governed()).toEqual(BEFORE);
});
