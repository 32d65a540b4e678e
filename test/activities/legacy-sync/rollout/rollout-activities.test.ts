/** Each activity may run twice, at once or one after the other: it has then happened once. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createRolloutActivities } from '../../../../src/activities/legacy-sync/rollout/rollout-activities.ts';
import { readLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { type Rollout, latestRollouts } from '../../../../src/records/rollouts.ts';
import { readSettings, writeSetting } from '../../../../src/records/settings.ts';
import { createSettingsReader } from '../../../../src/records/settings-reader.ts';
import { addServer, fleetDatabase } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();
const SERVER = 'depot-1';
const BY = { actor: 'operator', reason: 'as planned' };

let rolloutId: string;
const acts = () =>
  createRolloutActivities({ pool: pool(), settings: createSettingsReader(pool(), pino({ level: 'silent' })) });
const twice = async <T>(act: () => Promise<T>): Promise<T> => {
  const answers = [...(await Promise.all([act(), act()])), await act()];
  expect(answers).toEqual([answers[0], answers[0], answers[0]]);
  return answers[0]!;
};
const planned = (over: { maxWorkers?: number; rolloutId?: string } = {}) =>
  acts().planRollout({
    rolloutId,
    workflowId: `rollout/${SERVER}`,
    serverId: SERVER,
    maxWorkers: null,
    unattended: true,
    requestedBy: 'operator',
    ...over,
  });
const opened = (position: number, opening = `run/${position}`, forNews = false) =>
  acts().openStep({ rolloutId, opening, position, by: BY, unattended: false, forNews });
const theRollout = async (): Promise<Rollout> => (await latestRollouts(pool()))[0]!;

async function governed(): Promise<[limit: number | undefined, slots: number, adaptive: boolean]> {
  const { limits } = await readLegacyServer(pool(), SERVER);
  const { maxWorkers, adaptiveEnabled } = await readSettings(pool());
  return [limits.maxConcurrentVehicles, maxWorkers, adaptiveEnabled];
}
const audited = async (): Promise<string[]> =>
  (
    await pool().query<{ act: string }>(
      `SELECT concat_ws(' ', action, subject, reason) AS act FROM audit_log ORDER BY id`,
    )
  ).rows.map(({ act }) => act);

beforeEach(async () => {
  rolloutId = randomUUID();
  await addServer(pool(), SERVER, { count: 10 });
});

test('steps are opened once, with their changes, and each change stands in the audit log with the step', async () => {
  const { steps } = await twice(planned);
  expect(steps.map(({ name, workers }) => `${name} ${workers}`)).toEqual([
    'test 1',
    'pilot 2',
    'gradual 2',
    'gradual 4',
    'gradual 8',
    'full 8',
  ]);
  expect(await twice(() => opened(0))).toEqual({ number: 1 });
  expect(await governed()).toEqual([1, 3, false]);
  expect(await twice(() => opened(5))).toEqual({ number: 2 });
  expect(await governed()).toEqual([undefined, 8, true]);
  const full = 'rollout of depot-1: step full opens (as planned)';
  expect(await audited()).toEqual([
    'server.changed server depot-1 rollout of depot-1: step test opens (as planned)',
    `server.changed server depot-1 ${full}`,
    `setting.changed legacy_sync.worker_pool.max_workers ${full}`,
    `setting.changed legacy_sync.adaptive.enabled ${full}`,
  ]);
});

test('a step is taken back once: what it changed is as before, what somebody else has changed since stays and is told', async () => {
  await planned();
  const key = { rolloutId, ...(await opened(0)) };
  await acts().closeStep({
    ...key,
    measured: await acts().measureStep(key),
    verdict: { good: true, idle: false, reasons: [] },
  });
  await opened(5);
  await writeSetting(pool(), 'legacy_sync.worker_pool.max_workers', '20', { actor: 'somebody' });
  await twice(() => acts().withdrawStep({ rolloutId, position: 5, by: BY }));
  expect(await governed()).toEqual([1, 20, false]);
  const { runs, unattended } = await theRollout();
  expect(unattended).toBe(false);
  expect(runs.map(({ state }) => state)).toEqual(['good', 'withdrawn']);
  expect(runs[1]!.kept).toEqual([
    'legacy_sync.worker_pool.max_workers stays 20: somebody has changed it from 8, which the step had set',
  ]);
});

test.each([
  ['completed', [undefined, 8, true]],
  ['cancelled', [undefined, 3, false]],
  ['failed', [undefined, 3, false]],
] as const)('one that is %s ends once', async (outcome, left) => {
  await planned();
  await opened(0);
  await opened(3);
  await opened(5);
  await twice(() => acts().endRollout({ rolloutId, outcome, by: BY }));
  expect(await governed()).toEqual(left);
  expect(await theRollout()).toMatchObject({ state: outcome });
});

test('a limit of the server’s own comes back, and one that was asked for stays at the end', async () => {
  await pool().query(`UPDATE legacy_servers SET limits = '{"maxConcurrentVehicles": 5, "rowsPerSecond": 9}'`);
  await planned();
  await opened(0);
  await acts().withdrawStep({ rolloutId, position: 0, by: BY });
  expect((await readLegacyServer(pool(), SERVER)).limits).toMatchObject({ maxConcurrentVehicles: 5, rowsPerSecond: 9 });
  await acts().endRollout({ rolloutId, outcome: 'withdrawn', by: BY });
  rolloutId = randomUUID();
  const { steps } = await planned({ maxWorkers: 12, rolloutId });
  expect(steps.at(-1)).toEqual({ name: 'full', vehicles: null, workers: 12, limit: 12, adaptive: true });
});

test('a step that had too little to do is tried again in its row, and keeps what it has changed; after a change by somebody else it has a new one', async () => {
  await planned();
  await opened(0);
  const idle = { good: false, idle: true, reasons: ['Only 0 of 10 vehicles had new rows.'] };
  const close = async (number: number): Promise<void> =>
    acts().closeStep({ rolloutId, number, measured: await acts().measureStep({ rolloutId, number }), verdict: idle });
  const { number } = await opened(5);
  await close(number);
  expect((await theRollout()).runs[1]).toMatchObject({ state: 'not-good', idle: true });
  const acted = await audited();
  expect(await twice(() => opened(5, 'run/5+1', true))).toEqual({ number });
  expect((await theRollout()).runs[1]).toMatchObject({ state: 'running', idle: false, reasons: [], measured: null });
  expect(await audited()).toEqual(acted);
  expect(await governed()).toEqual([undefined, 8, true]);

  await close(number);
  await writeSetting(pool(), 'legacy_sync.worker_pool.max_workers', '4', { actor: 'somebody' });
  expect(await twice(() => opened(5, 'run/5+2', true))).toEqual({ number: number + 1 });
  // Asked for by an operator, it has one of its own, too.
  await close(number + 1);
  expect(await opened(5, 'run/6')).toEqual({ number: number + 2 });
  await acts().withdrawStep({ rolloutId, position: 5, by: BY });
  expect(await governed()).toEqual([1, 4, false]);
});

test('while every run has one slot, none is planned', async () => {
  await writeSetting(pool(), 'legacy_sync.worker_pool.enabled', 'false', BY);
  await expect(planned()).rejects.toMatchObject({
    code: 'InvalidSetting',
    message: expect.stringMatching(
      /worker_pool\.enabled is false, so every run has one slot.*`fleetgraph settings set legacy_sync\.worker_pool\.enabled true`/,
    ),
  });
  expect(await latestRollouts(pool())).toEqual([]);
});

test('what was written of a step after it was taken back changes nothing', async () => {
  await planned();
  const { number } = await opened(0);
  await acts().withdrawStep({ rolloutId, position: 0, by: BY });
  const measured = await acts().measureStep({ rolloutId, number });
  await acts().closeStep({ rolloutId, number, measured, verdict: { good: true, idle: false, reasons: [] } });
  expect((await theRollout()).runs).toMatchObject([{ state: 'withdrawn', measured: null }]);
});

const beside = (serverId = 'depot-2') =>
  acts().planRollout({
    rolloutId: randomUUID(),
    workflowId: `rollout/${serverId}`,
    serverId,
    maxWorkers: null,
    unattended: false,
    requestedBy: 'operator',
  });
const holding = (key: string) => ({
  code: 'WrongState',
  message: expect.stringContaining(
    `the one of ${SERVER} is under way and holds legacy_sync.${key}, which this one would write too; wait until it has ended, or take it back with \`fleetgraph rollout back ${SERVER}`,
  ),
});

test('a second rollout that would write what one under way holds is refused, until that one has ended', async () => {
  await addServer(pool(), 'depot-2', { first: 100, count: 10 });
  await planned();
  await expect(beside()).rejects.toMatchObject(holding('worker_pool.max_workers'));
  await writeSetting(pool(), 'legacy_sync.worker_pool.max_workers', '8', { actor: 'somebody' });
  await expect(beside()).rejects.toMatchObject(holding('adaptive.enabled'));
  // What the first one has set would be put back under the second one.
  await opened(5);
  await expect(beside()).rejects.toMatchObject(holding('adaptive.enabled'));
  expect((await latestRollouts(pool())).map(({ serverId }) => serverId)).toEqual([SERVER]);
  await acts().endRollout({ rolloutId, outcome: 'withdrawn', by: BY });
  expect(await beside()).toMatchObject({ steps: expect.anything() });
});

test('two rollouts go on beside each other where neither has anything to set for every server', async () => {
  await addServer(pool(), 'depot-2', { first: 100, count: 10 });
  await writeSetting(pool(), 'legacy_sync.worker_pool.max_workers', '8', { actor: 'somebody' });
  await writeSetting(pool(), 'legacy_sync.adaptive.enabled', 'true', { actor: 'somebody' });
  await planned();
  await opened(5);
  expect(await beside()).toMatchObject({ steps: expect.anything() });
});

test('of two that are planned at once, one is refused', async () => {
  await addServer(pool(), 'depot-2', { first: 100, count: 10 });
  const ended = await Promise.allSettled([planned(), beside()]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});
