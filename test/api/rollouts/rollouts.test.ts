import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi, startSyncWorker, untilNobody } from '../../support/fleet-api.ts';
import { SERVER_ID } from '../../support/fleet.ts';
import { addNews, governed } from '../../support/rollout.ts';

const ROLLOUTS = '/api/v1/legacy-sync/rollouts';
const ROLLOUT = `${ROLLOUTS}/${SERVER_ID}`;
const PATIENCE = { withinMs: 60_000 };
let fixture: ApiFixture;

beforeAll(async () => {
  fixture = await openApi();
  await fixture.fleet.addVehicles(4, { rows: 10 });
}, 120_000);
afterAll(() => fixture?.close());

/** The last rollout, once its last step run is so. */
const until = (...runs: string[]) =>
  eventually(async () => {
    const { rollout } = (await fixture.get(ROLLOUT, { as: 'viewer' })).body;
    expect(rollout.runs.map(({ state }: { state: string }) => state)).toEqual(runs);
    return rollout;
  }, PATIENCE);

test('an admin starts, operators open, repeat and take back steps; every act is in the audit log with its reason', async () => {
  const { fleet, get, post } = fixture;
  expect(await get(ROLLOUT)).toMatchObject({ status: 404 });
  expect(await post(`${ROLLOUT}/advance`, {})).toMatchObject({ status: 404 });
  expect(await post(`${ROLLOUTS}/nowhere`, {})).toMatchObject({ status: 404 });
  const started = await post(ROLLOUT, { maxWorkers: 2, reason: 'the new depot' });
  expect(started).toMatchObject({ status: 202, body: { link: ROLLOUT } });
  expect(await post(ROLLOUT, {})).toMatchObject({ status: 409, body: { code: 'AlreadyRunning', link: ROLLOUT } });
  await startSyncWorker(fixture);
  const first = await until('good');
  expect(first).toMatchObject({ rolloutId: started.body.rolloutId, state: 'running', requestedBy: 'test admin' });
  expect(first.runs[0]).toMatchObject({
    position: 0,
    measured: { run: { vehicles: 2, succeeded: 2 }, reconciliation: { missing: 0 }, circuit: { state: 'closed' } },
    changes: [{ what: 'limit', from: null, to: 1 }],
  });

  const as = { as: 'operator' } as const;
  await addNews(fleet);
  expect(await post(`${ROLLOUT}/advance`, { reason: 'so far so good' }, as)).toMatchObject({ status: 202 });
  await until('good', 'good');
  await addNews(fleet);
  expect(await post(`${ROLLOUT}/advance`, { again: true }, as)).toMatchObject({ status: 202 });
  await until('good', 'good', 'good');
  await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 4`);
  await post(`${ROLLOUT}/advance`, {}, as);
  await until('good', 'good', 'good', 'not-good');
  const refused = await post(`${ROLLOUT}/advance`, {}, as);
  expect(refused).toMatchObject({ status: 409, body: { code: 'WrongState', link: ROLLOUT } });
  expect(refused.body.error).toMatch(/step gradual was not good\. 75 % of 4 vehicles succeeded \(3\), and 99 % must/);
  expect(await post(`${ROLLOUT}/back`, {}, as)).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.reason' }] },
  });
  for (const [at, left] of [
    ['gradual', 3],
    ['pilot', 1],
    ['test', 0],
  ] as const) {
    expect(await post(`${ROLLOUT}/back`, { reason: `not ${at}` }, as)).toMatchObject({ status: 202 });
    await eventually(async () => {
      const { runs } = (await get(ROLLOUT)).body.rollout;
      expect(runs.filter(({ state }: { state: string }) => state !== 'withdrawn')).toHaveLength(left);
    }, PATIENCE);
  }
  await eventually(
    async () => expect((await get(ROLLOUT)).body.rollout).toMatchObject({ state: 'withdrawn' }),
    PATIENCE,
  );
  expect(await post(`${ROLLOUT}/back`, { reason: 'once more' }, as)).toMatchObject({ status: 409 });
  expect(await governed(fleet)).toEqual({ limit: null, slots: 3, adaptive: false });
  expect((await get(ROLLOUTS)).body).toMatchObject({ count: 1, rollouts: [{ serverId: SERVER_ID }] });

  const { rows } = await fleet.pool.query(
    `SELECT action, actor, reason FROM audit_log WHERE action LIKE 'rollout.%' AND reason IS NOT NULL ORDER BY id`,
  );
  const by = 'test operator';
  expect(rows).toEqual([
    { action: 'rollout.start', actor: 'test admin', reason: 'the new depot' },
    { action: 'rollout.advance', actor: by, reason: 'so far so good' },
    ...['gradual', 'pilot', 'test'].map((step) => ({ action: 'rollout.back', actor: by, reason: `not ${step}` })),
  ]);
  const changes = await fleet.pool.query(
    `SELECT DISTINCT actor, reason FROM audit_log WHERE action = 'server.changed' AND actor = $1 ORDER BY reason`,
    [by],
  );
  expect(changes.rows.map(({ reason }) => reason)).toContain('rollout of depot: step pilot opens (so far so good)');
}, 180_000);

test('where no worker is, nobody waits for one', async () => {
  const { fleet, post, get } = fixture;
  await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'gps' WHERE id = 4`);
  await addNews(fleet);
  await post(ROLLOUT, {});
  await until('good');
  for (const worker of fleet.workers()) await worker.kill();
  await untilNobody(fixture, `${ROLLOUT}/advance`);
  expect((await get(ROLLOUT)).body.rollout.runs).toHaveLength(1);
}, 120_000);
