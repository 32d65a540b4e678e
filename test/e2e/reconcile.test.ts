import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ReconciledVehicle, listReconciled } from '../../src/records/reconciled-vehicles.ts';
import { type Reconciliation, findReconciliation } from '../../src/records/reconciliations.ts';
import { listDays } from '../../src/records/reconciled-days.ts';
import { startReconciliation, startRepair } from '../../src/client/reconciliations.ts';
import { eventually } from '../support/eventually.ts';
import { daysOfOtherSums } from '../support/quick-sums-here.ts';
import { writeSetting } from '../../src/records/settings.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import type { FleetWorker } from '../support/fleet-worker.ts';

const TIMEOUT_MS = 120_000;
/** Two days of a fix every five minutes. */
const ROWS = 600;
/** Three vehicles share the table: the ids of vehicle n are n, n + 3, … */
const STEP = 3;
const idOf = (vehicle: number, row: number): string => String(vehicle + STEP * row);

interface Found {
  run: Reconciliation;
  differing: ReconciledVehicle[];
}

async function reconcile(fleet: Fleet, over: { repair?: boolean; from?: string; to?: string } = {}): Promise<Found> {
  const input = { selection: { kind: 'all' } as const, requestedBy: 'test', ...over };
  const started = await startReconciliation(fleet.client, input);
  await started.result();
  return {
    run: (await findReconciliation(fleet.pool, started.reconciliationId))!,
    differing: await listReconciled(fleet.pool, started.reconciliationId, { differing: true }),
  };
}

const figures = ({ run: { missing, changed, extra, quarantined, failed } }: Found) => ({
  missing,
  changed,
  extra,
  quarantined,
  failed,
});
const NOTHING = { missing: 0, changed: 0, extra: 0, quarantined: 0, failed: 0 };

async function daysOf(fleet: Fleet, { run }: Found, vehicleId: string) {
  const days = await listDays(fleet.pool, run.reconciliationId, vehicleId);
  return days.map(({ day, missing, changed, extra }) => ({ day, missing, changed, extra: extra.map(({ id }) => id) }));
}

/** Repairs what was found, and expects that nothing differs afterwards. */
async function mend(fleet: Fleet, { run }: Found): Promise<void> {
  await (await startRepair(fleet.client, run.reconciliationId, 'test')).result();
  expect(figures(await reconcile(fleet))).toEqual(NOTHING);
}

/** Adds a row of a vehicle to the legacy table. */
const legacyRow = (id: string, vehicle: number, time: string, latitude = '62.5'): string =>
  `INSERT INTO gps (id, vehicle_id, device_time, latitude, longitude, speed, note) VALUES (${id}, ${vehicle}, '${time}', ${latitude}, 129, 1, 'late')`;

/** How many histories of reconciliations were continued by another. */
async function continued({ client }: Fleet): Promise<number> {
  const query = "WorkflowType = 'reconcileFleet' AND ExecutionStatus = 'ContinuedAsNew'";
  const { count } = await client.workflow.count(query);
  return count;
}

/** Loads a module of the worker with one expression of it replaced: a fault that nothing of the worker's own notices. */
function planted(file: string, right: string, wrong: string): Record<string, string> {
  const loader = `export async function load(url, context, next) {
    const loaded = await next(url, context);
    if (!url.endsWith(${JSON.stringify(file)})) return loaded;
    const source = String(loaded.source);
    if (!source.includes(${JSON.stringify(right)})) throw new Error('nothing to plant a fault in');
    return { ...loaded, source: source.replace(${JSON.stringify(right)}, ${JSON.stringify(wrong)}) };
  }`;
  const data = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(data(loader))});`;
  return { NODE_OPTIONS: `--import=${data(register)}` };
}

describe('reconciling a fleet of one table', () => {
  let fleet: Fleet;
  let worker: FleetWorker;
  beforeAll(async () => {
    fleet = await openFleet();
    await fleet.addVehicles(3, { rows: ROWS, idStep: STEP, padding: 20 });
    await fleet.legacy.query(
      `UPDATE gps SET device_time = TIMESTAMPADD(SECOND, 285 * (id - vehicle_id) DIV ${STEP}, device_time)`,
    );
    worker = await fleet.startWorker();
    await (await fleet.start()).result();
    await fleet.legacy.query('CREATE TABLE first AS SELECT * FROM gps');
    await fleet.pool.query('CREATE TABLE first AS SELECT * FROM positions');
  }, TIMEOUT_MS);
  // Each test begins with the two sides as the sync left them.
  beforeEach(async () => {
    await fleet.legacy.query('DELETE FROM gps; INSERT INTO gps SELECT * FROM first');
    await fleet.pool.query('TRUNCATE positions, extra_positions, reconciliations, quarantine CASCADE');
    await fleet.pool.query('INSERT INTO positions SELECT * FROM first');
    await fleet.pool.query(
      'UPDATE vehicles SET watermark = (SELECT max(legacy_id) FROM positions WHERE vehicle_id = id)',
    );
  });
  afterAll(() => fleet?.close());

  test(
    'finds nothing after a sync, by what each side says of its rows',
    async () => {
      const found = await reconcile(fleet);
      expect(found.run).toMatchObject({ state: 'completed', compared: 3, sourceRows: 3 * ROWS, targetRows: 3 * ROWS });
      expect(figures(found)).toEqual(NOTHING);
      expect(await listReconciled(fleet.pool, found.run.reconciliationId)).toMatchObject(
        Array.from({ length: 3 }, () => ({ method: 'sql', unsaid: [], state: 'compared' })),
      );
      // The sums of one pass over the table say so: no row was looked at by itself.
      expect(await daysOfOtherSums(fleet, 'gps', ['1', '2', '3'])).toEqual([]);
      await fleet.pool.query(
        `UPDATE positions SET longitude = longitude + 2.842170943040401e-14 WHERE legacy_id = ${idOf(2, 39)}`,
      );
      expect(await daysOfOtherSums(fleet, 'gps', ['1', '2', '3'])).toEqual(['2 20089']);
    },
    TIMEOUT_MS,
  );

  test(
    'names a row that changed, one that was deleted, one that came late and one that moved to another day',
    async () => {
      await fleet.legacy.query(`
        UPDATE gps SET speed = speed + 1 WHERE id = ${idOf(1, 5)};
        DELETE FROM gps WHERE id = ${idOf(1, 300)};
        UPDATE gps SET device_time = '2025-01-01 20:00:07' WHERE id = ${idOf(2, 450)};
        ${legacyRow('3', 1, '2025-01-02 10:00:00')}`);
      const found = await reconcile(fleet);
      expect(figures(found)).toEqual({ ...NOTHING, missing: 1, changed: 2, extra: 1 });
      expect(await daysOf(fleet, found, '1')).toEqual([
        { day: '2025-01-01', missing: [], changed: [idOf(1, 5)], extra: [] },
        { day: '2025-01-02', missing: ['3'], changed: [], extra: [idOf(1, 300)] },
      ]);
      expect(await daysOf(fleet, found, '2')).toEqual([
        { day: '2025-01-01', missing: [], changed: [idOf(2, 450)], extra: [] },
      ]);
      await mend(fleet, found);
      // The row that the source does not have is still there, and marked, until an operator says so.
      const dry = await fleet.cli('reconcile', 'remove-extra', '--all', '--reason', 'test', '--dry-run');
      expect(dry.stdout).toContain('1 positions of 1 vehicles would be removed');
      expect((await fleet.pool.query(`SELECT FROM positions WHERE legacy_id = ${idOf(1, 300)}`)).rowCount).toBe(1);
      const removed = await fleet.cli('reconcile', 'remove-extra', '--all', '--reason', 'they were test drives');
      expect(removed).toMatchObject({ status: 0, stdout: 'removed 1 positions of 1 vehicles.\n' });
      expect((await fleet.pool.query(`SELECT FROM positions WHERE legacy_id = ${idOf(1, 300)}`)).rowCount).toBe(0);
      const { rows } = await fleet.pool.query(`SELECT reason FROM audit_log WHERE action = 'extra-positions.removed'`);
      expect(rows).toEqual([{ reason: 'they were test drives' }]);
    },
    TIMEOUT_MS,
  );

  test(
    'finds a field that is off by one unit in the last place, and one row that was lost',
    async () => {
      await fleet.pool.query(`
        UPDATE positions SET longitude = longitude + 2.842170943040401e-14 WHERE legacy_id = ${idOf(2, 39)};
        DELETE FROM positions WHERE legacy_id = ${idOf(3, 599)}`);
      const found = await reconcile(fleet);
      expect(await daysOf(fleet, found, '2')).toMatchObject([{ changed: [idOf(2, 39)], missing: [] }]);
      expect(await daysOf(fleet, found, '3')).toMatchObject([{ changed: [], missing: [idOf(3, 599)] }]);
      await mend(fleet, found);
    },
    TIMEOUT_MS,
  );

  test(
    'says that an older backup of the source was restored',
    async () => {
      await fleet.legacy.query(`DELETE FROM gps WHERE vehicle_id = 2 AND id > ${idOf(2, 550)}`);
      const found = await reconcile(fleet);
      expect(figures(found)).toEqual({ ...NOTHING, extra: 50 });
      expect(found.differing).toMatchObject([
        { vehicleId: '2', findings: [expect.stringContaining('the source ends at id')] },
      ]);
      await mend(fleet, found);
      // The source is whole again: the marked rows are the source's again.
      await fleet.legacy.query('DELETE FROM gps; INSERT INTO gps SELECT * FROM first');
      await mend(fleet, await reconcile(fleet));
      expect((await fleet.pool.query('SELECT FROM extra_positions')).rowCount).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    'says that rows were lost here, and that a watermark was set back',
    async () => {
      await fleet.pool.query(`
        DELETE FROM positions WHERE vehicle_id = 1 AND legacy_id > ${idOf(1, 575)};
        UPDATE vehicles SET watermark = ${idOf(3, 250)} WHERE id = 3`);
      const found = await reconcile(fleet);
      expect(figures(found)).toEqual({ ...NOTHING, missing: 25 });
      const all = await listReconciled(fleet.pool, found.run.reconciliationId);
      expect(all.map(({ findings }) => findings)).toEqual([
        [expect.stringContaining('rows were lost here')],
        [],
        [expect.stringContaining('the watermark was set back')],
      ]);
      await mend(fleet, found);
    },
    TIMEOUT_MS,
  );

  test(
    'names two vehicles whose ids were exchanged',
    async () => {
      await fleet.legacy.query('UPDATE gps SET vehicle_id = 3 - vehicle_id WHERE vehicle_id IN (1, 2)');
      const found = await reconcile(fleet);
      expect(found.differing.map(({ vehicleId, findings }) => [vehicleId, findings.join()])).toEqual([
        ['1', expect.stringContaining('it has the rows of vehicle 2')],
        ['2', expect.stringContaining('it has the rows of vehicle 1')],
      ]);
      await mend(fleet, found);
    },
    TIMEOUT_MS,
  );

  test(
    'counts rows that are in quarantine apart, and repairs one that is no longer fit to be imported',
    async () => {
      await fleet.legacy.query(`UPDATE gps SET latitude = NULL WHERE id = ${idOf(1, 10)}`);
      await mend(fleet, await reconcile(fleet)).catch(() => {});
      const found = await reconcile(fleet);
      expect(figures(found)).toEqual({ ...NOTHING, quarantined: 1 });
    },
    TIMEOUT_MS,
  );

  test(
    'does not miss rows without a fix where an import skips them',
    async () => {
      await fleet.changeServer({ values: { withoutFix: 'skip', nullIsland: 'quarantine' } });
      await fleet.legacy.query(`${legacyRow('3', 1, '2025-01-02 10:00:00', 'NULL')};
        INSERT INTO gps (id, vehicle_id, device_time, latitude, longitude) VALUES (2, 1, '2025-01-02 10:00:00', 0, 0)`);
      expect(figures(await reconcile(fleet))).toEqual(NOTHING);
      await fleet.changeServer({ values: {} });
      expect(figures(await reconcile(fleet))).toEqual({ ...NOTHING, missing: 2 });
    },
    TIMEOUT_MS,
  );

  test(
    'compares some days alone, and says so to an operator',
    async () => {
      await fleet.legacy.query(`UPDATE gps SET speed = speed + 1 WHERE id IN (${idOf(1, 5)}, ${idOf(1, 400)})`);
      const found = await reconcile(fleet, { from: '2025-01-02', to: '2025-01-02' });
      expect(await daysOf(fleet, found, '1')).toEqual([
        { day: '2025-01-02', missing: [], changed: [idOf(1, 400)], extra: [] },
      ]);
      const told = await fleet.cli('reconcile', 'start', '--vehicles', '1', '--to', '2025-01-01');
      expect(told.status).toBe(1);
      expect(told.stdout).toContain('missing 0, changed 1, extra 0');
      const shown = await fleet.cli('reconcile', 'show', found.run.reconciliationId, '--vehicle', '1');
      expect(shown.stdout).toContain(`1: ${idOf(1, 400)}`);
      const { startedAt, finishedAt, sourceRows } = found.run;
      const seconds = (finishedAt!.getTime() - startedAt.getTime()) / 1_000;
      const cost = await fleet.cli('reconcile', 'show', found.run.reconciliationId);
      expect(cost.stdout).toContain(`${((1e6 * seconds) / sourceRows).toFixed(1)} s per million rows`);
    },
    TIMEOUT_MS,
  );

  test(
    'goes on after its worker was killed, over several histories, and repairs each day once',
    async () => {
      for (const [key, value] of [
        ['rows_per_second', '500'],
        ['vehicles_at_once', '1'],
      ] as const) {
        await writeSetting(fleet.pool, `legacy_sync.reconcile.${key}`, value, { actor: 'test' });
      }
      // A worker that is started now has them from its first statement on.
      await worker.stop();
      worker = await fleet.startWorker();
      await fleet.legacy.query('UPDATE gps SET note = "another" WHERE vehicle_id IN (1, 3)');
      const input = { selection: { kind: 'all' } as const, repair: true, stepsPerHistory: 1, requestedBy: 'test' };
      const started = await startReconciliation(fleet.client, input);
      const done = async () => (await findReconciliation(fleet.pool, started.reconciliationId))?.compared ?? 0;
      await eventually(async () => {
        expect(await done()).toBeGreaterThan(0);
        const { rowCount } = await fleet.pool.query('SELECT FROM server_permits WHERE kind = $1', ['reconcile']);
        expect(rowCount).toBe(1);
      });
      await worker.kill();
      expect(await done()).toBeLessThan(3);
      worker = await fleet.startWorker();
      await started.result();
      const run = await findReconciliation(fleet.pool, started.reconciliationId);
      const days = { differingDays: 6, repairedDays: 6 };
      expect(run).toMatchObject({ state: 'completed', compared: 3, changed: 2 * ROWS, ...days });
      await eventually(async () => expect(await continued(fleet)).toBe(2));
      await writeSetting(fleet.pool, 'legacy_sync.reconcile.rows_per_second', '500000', { actor: 'test' });
      expect(figures(await reconcile(fleet))).toEqual(NOTHING);
    },
    TIMEOUT_MS,
  );

  test(
    'a fault of the converter is found although nothing else has noticed it',
    async () => {
      await worker.stop();
      const [vehicle] = await fleet.addVehicles(1, { rows: 300, idStep: 100_000 });
      const id = `99${vehicle!.padStart(5, '0')}`;
      worker = await fleet.startWorker({
        env: planted(
          'dump/row-converter.js',
          'putDouble(out, latitude);',
          `putDouble(out, id.low === ${id} ? latitude + 7.105427357601002e-15 : latitude);`,
        ),
      });
      const synced = await (await fleet.start()).result();
      expect(synced).toMatchObject({ rows: 300, quarantined: 0, failed: 0 });
      const found = await reconcile(fleet);
      expect(await daysOf(fleet, found, vehicle!)).toMatchObject([{ changed: [id], missing: [], extra: [] }]);
    },
    TIMEOUT_MS,
  );
});
