import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { runProgram } from '../support/fleet-worker.ts';
import { nameFailure } from '../../src/workflows/failure.ts';
import { type Fleet, TABLE, openFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

let fleet: Fleet;

/** Vehicle id → code of its failure, or how it stands. */
async function sync(): Promise<Record<string, string>> {
  const run = await fleet.start();
  await run.result();
  const results = await fleet.manager.results(run.runId);
  return Object.fromEntries(results.map(({ vehicleId, status, error }) => [vehicleId, error?.code ?? status]));
}

const positions = async (): Promise<string> =>
  (await fleet.pool.query<{ sum: string }>("SELECT count(*) || ' ' || sum(legacy_id) AS sum FROM positions")).rows[0]!
    .sum;

beforeAll(async () => {
  fleet = await openFleet({ settings: { 'worker_pool.retry_initial_ms': 50, 'server.breaker_failures': 50 } });
  await fleet.addVehicles(2, { rows: 300 });
  await fleet.startWorker();
  expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
}, 60_000);
afterAll(() => fleet.close());

beforeEach(async () => {
  for (const id of ['1', '2']) await fleet.addRows(id, 20);
});

describe('a door that is not ours to enter', () => {
  const keyFolder = mkdtempSync(join(tmpdir(), 'fleetgraph-key-'));
  afterAll(() => rmSync(keyFolder, { recursive: true }));
  const otherKey = join(keyFolder, 'id_ed25519');
  const CASES = [
    {
      what: 'the wrong key',
      code: 'SshAuthRejected',
      change: async () => {
        const made = await runProgram(
          'ssh-keygen',
          ['-q', '-t', 'ed25519', '-N', '', '-f', otherKey],
          fleet.environment,
        );
        expect(made).toMatchObject({ status: 0 });
        return { privateKeyRef: `file:${otherKey}` };
      },
    },
    {
      what: 'another host key than the pinned one',
      code: 'HostKeyMismatch',
      change: async () => ({ hostKeyFingerprints: [`SHA256:${'A'.repeat(43)}`] }),
    },
  ];

  test.each(CASES)(
    '$what: $code, asked once, nothing more until an operator closes the circuit',
    async ({ code, change }) => {
      const [right, before] = [fleet.server, await positions()];
      const proxy = await fleet.linkToHost();
      await fleet.changeServer(await change());
      expect(await sync()).toEqual({ 1: code, 2: code });
      const { accepted } = proxy.traffic();
      expect(await sync()).toEqual({ 1: 'CircuitOpen', 2: 'CircuitOpen' });
      expect(proxy.traffic().accepted).toBe(accepted);
      expect((await fleet.cli('doctor')).stdout).toMatch(/circuit is held[^]*close-circuit depot/);
      expect(await positions()).toBe(before);

      await fleet.changeServer(right);
      expect(await fleet.cli('servers', 'close-circuit', 'depot', '--reason', 'mended')).toMatchObject({ status: 0 });
      expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
      await expectInvariants(fleet, ['1', '2']);
    },
  );

  test('nobody listens: SshUnreachable, and the next run takes it up', async () => {
    const right = fleet.server;
    const proxy = await fleet.linkToHost();
    proxy.set({ kind: 'refuse' });
    expect(await sync()).toEqual({ 1: 'SshUnreachable', 2: 'SshUnreachable' });
    await fleet.changeServer(right);
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    await expectInvariants(fleet, ['1', '2']);
  });
});

describe('a table that is not as it was', () => {
  test('is missing: TableMissing for its vehicle, the others are whole', async () => {
    await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 1`);
    expect(await sync()).toEqual({ 1: 'TableMissing', 2: 'completed' });
    await fleet.pool.query(`UPDATE vehicles SET legacy_table = $1 WHERE id = 1`, [TABLE]);
    expect(await sync()).toEqual({ 1: 'completed' });
    await expectInvariants(fleet, ['1', '2']);
  });

  test('lost a mapped column: SchemaDrift that names it', async () => {
    await fleet.legacy.query(`ALTER TABLE ${TABLE} RENAME COLUMN note TO remark`);
    expect(await sync()).toEqual({ 1: 'SchemaDrift', 2: 'SchemaDrift' });
    const { rows } = await fleet.pool.query<{ message: string }>(
      `SELECT failure_message AS message FROM vehicle_syncs WHERE failure_code = 'SchemaDrift' ORDER BY settled_at DESC LIMIT 1`,
    );
    expect(rows[0]!.message).toMatch(/no column note/);
    await fleet.legacy.query(`ALTER TABLE ${TABLE} RENAME COLUMN remark TO note`);
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    await expectInvariants(fleet, ['1', '2']);
  });

  test('was emptied and filled again past the watermark: SourceReset, which says what a full sync would do, and that one brings all of it', async () => {
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    const before = await positions();
    await fleet.legacy.query(`CREATE TABLE kept AS SELECT * FROM ${TABLE}; TRUNCATE ${TABLE};`);
    await fleet.legacy.query(
      `INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, note)
       SELECT 1 + seq % 2, TIMESTAMPADD(SECOND, 15 * seq + 7, '2025-03-01 00:00:00'), 62.03, 129.73, 'again' FROM seq_1_to_3000`,
    );
    expect(await sync()).toEqual({ 1: 'SourceReset', 2: 'SourceReset' });
    expect(await positions()).toBe(before);
    const { rows } = await fleet.pool.query<{ message: string }>(
      `SELECT failure_message AS message FROM vehicle_syncs WHERE failure_code = 'SourceReset' ORDER BY settled_at DESC LIMIT 1`,
    );
    expect(rows[0]!.message).toMatch(/emptied and filled again.*mode full/);

    const full = await fleet.start({ mode: 'full' });
    await full.result();
    const again = `SELECT count(*)::int AS rows FROM positions WHERE attributes ->> 'note' = 'again'`;
    expect((await fleet.pool.query(again)).rows).toEqual([{ rows: 3_000 }]);
    expect(await sync()).toEqual({});
    // As it was before, for the tests that follow.
    await fleet.legacy.query(`DELETE FROM ${TABLE}; INSERT INTO ${TABLE} SELECT * FROM kept; DROP TABLE kept;`);
    await fleet.pool.query(`DELETE FROM positions; UPDATE vehicles SET watermark = 0; DELETE FROM import_ledger;`);
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    await expectInvariants(fleet, ['1', '2']);
  });

  test('was filled again with other gaps between its ids, so that the rows we remember are not there: SourceReset', async () => {
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    const before = await positions();
    await fleet.legacy.query(
      `CREATE TABLE kept AS SELECT * FROM ${TABLE}; TRUNCATE ${TABLE};
       INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, note)
       SELECT 1 + seq % 2, TIMESTAMPADD(SECOND, 15 * seq + 7, '2025-03-01 00:00:00'), 62.03, 129.73, 'again' FROM seq_1_to_3000`,
    );
    const { rows: marked } = await fleet.pool.query<{ id: string }>(
      `SELECT mark ->> 0 AS id FROM vehicles, jsonb_array_elements(seen_marks) AS mark`,
    );
    await fleet.legacy.query(`DELETE FROM ${TABLE} WHERE id IN (${marked.map(({ id }) => id).join(',')})`);
    expect(await sync()).toEqual({ 1: 'SourceReset', 2: 'SourceReset' });
    expect(await positions()).toBe(before);
    await fleet.legacy.query(`DELETE FROM ${TABLE}; INSERT INTO ${TABLE} SELECT * FROM kept; DROP TABLE kept;`);
    await expectInvariants(fleet, ['1', '2']);
  });

  test('was emptied and began its ids anew: SourceReset, and what was synced stays', async () => {
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    const before = await positions();
    await fleet.legacy.query(`CREATE TABLE kept AS SELECT * FROM ${TABLE}; TRUNCATE ${TABLE};`);
    await fleet.addRows('1', 5);
    expect(await sync()).toEqual({ 1: 'SourceReset', 2: 'SourceReset' });
    expect(await positions()).toBe(before);
    await fleet.legacy.query(`DELETE FROM ${TABLE}; INSERT INTO ${TABLE} SELECT * FROM kept; DROP TABLE kept;`);
    await expectInvariants(fleet, ['1', '2']);
  });
});

describe('rows that cannot be positions', () => {
  const badRows = (count: number): Promise<void> =>
    fleet.legacy.query(
      `INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, note)
       SELECT 1, '2025-06-01 00:00:00', 999, seq, 'off the map' FROM seq_1_to_${count}`,
    );

  test('few of them go to quarantine, where list and show have them, and the rest is imported', async () => {
    const before = Number((await positions()).split(' ')[0]);
    await badRows(3);
    expect(await sync()).toEqual({ 1: 'completed', 2: 'completed' });
    expect(Number((await positions()).split(' ')[0])).toBe(before + 40);
    const { stdout: list } = await fleet.cli('quarantine', 'list', '--vehicle', '1');
    expect(list.match(/bus-1/g)).toHaveLength(3);
    expect(list).toMatch(/latitude/);
    const id = /^\s*(\d+)\s+bus-1/m.exec(list)?.[1] ?? '';
    const { stdout: row } = await fleet.cli('quarantine', 'show', id);
    expect(row).toMatch(/reason +\S/);
    expect(row).toMatch(/999/);
    expect(row).toMatch(/off the map/);
    await expectInvariants(fleet, ['2']);
  });

  test('without a fix, all night: skipped where the server says so, and every place that counts says how many', async () => {
    await fleet.legacy.query(
      `INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, note)
       SELECT 1, '2025-06-02 00:00:00' + INTERVAL seq MINUTE, NULL, NULL, 'no satellite' FROM seq_1_to_200`,
    );
    for (const id of ['1', '2']) await fleet.addRows(id, 5);
    await fleet.changeServer({ values: { ...fleet.server.values, withoutFix: 'skip' } });
    const run = await fleet.start();
    await run.result();
    const results = await fleet.manager.results(run.runId);
    expect(results).toMatchObject([
      { label: 'bus-1', status: 'completed', inserted: 25, withoutFix: 200 },
      { label: 'bus-2', withoutFix: 0 },
    ]);
    const { stdout } = await fleet.cli('status', run.runId);
    expect(stdout).toMatch(/200 skipped without a fix/);
    await fleet.changeServer({ values: { ...fleet.server.values, withoutFix: 'quarantine' } });
    await fleet.legacy.query(`DELETE FROM ${TABLE} WHERE latitude IS NULL`);
  });

  test('too many of them: QuarantineThresholdExceeded, no row of the range is imported, a sample is kept', async () => {
    const before = Number((await positions()).split(' ')[0]);
    await badRows(60);
    expect(await sync()).toEqual({ 1: 'QuarantineThresholdExceeded', 2: 'completed' });
    expect(Number((await positions()).split(' ')[0])).toBe(before + 20);
    const { stdout } = await fleet.cli('quarantine', 'list', '--vehicle', '1');
    expect(stdout.match(/bus-1/g)!.length).toBeGreaterThan(3);

    await fleet.set({ 'quarantine.max_percent': 100 });
    expect(await sync()).toEqual({ 1: 'completed' });
    const { rows } = await fleet.pool.query<{ rows: number }>(
      'SELECT (SELECT count(*) FROM positions WHERE vehicle_id = 1)::int + (SELECT count(*) FROM quarantine WHERE vehicle_id = 1)::int AS rows',
    );
    expect(rows[0]!.rows).toBe(await fleet.countLegacyRows('1'));
    await expectInvariants(fleet, ['2']);
  });
});

test.each([
  { input: 'null', code: 'InvalidSelection' },
  { input: '{}', code: 'InvalidSelection' },
  { input: '{"selection":{"kind":"some"}}', code: 'InvalidSelection' },
  { input: '{"selection":{"kind":"list","vehicleIds":["1 OR 1=1"]}}', code: 'InvalidSelection' },
  { input: '{"selection":{"kind":"all"},"mode":"every"}', code: 'InvalidSelection' },
  { input: '{"selection":{"kind":"all"},"maxWorkers":0}', code: 'InvalidSetting' },
])('a run started with $input ends as $code; it is neither wedged nor tried for ever', async ({ input, code }) => {
  const workflowId = `bad-${Buffer.from(input).toString('hex').slice(-60)}`;
  const start = 'workflow start --type fleetSync --task-queue legacy-sync --workflow-id'.split(' ');
  expect(await fleet.temporal(...start, workflowId, '--input', input)).toMatchObject({ status: 0 });
  const failure: unknown = await fleet.client.workflow.getHandle(workflowId).result().catch(nameFailure);
  expect(failure).toMatchObject({ code });
});
