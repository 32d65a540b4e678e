/** A server is brought into operation step by step: by the command line, on real servers, with everything that stops it. */
import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { SERVER_ID, withFleet } from '../support/fleet.ts';
import { addNews, governed, positionsOf, rollout, rolloutOf, stepsOf } from '../support/rollout.ts';

const TIMEOUT_MS = 180_000;
const PATIENCE = { withinMs: 60_000 };

const BEFORE = { limit: null, slots: 3, adaptive: false };

test(
  'five vehicles: each step is synced, compared and judged, the next opens by order, and the last one leaves the limit adaptive',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(5, { rows: 20 });
      await fleet.startWorker();
      const first = await rollout(fleet, 'start', SERVER_ID, '--reason', 'the new depot', '--wait');
      expect(first).toMatchObject({ status: 0 });
      expect(first.text).toMatch(/test +first 2 +1 +good +2 of 2 +0 /);
      expect(first.text).toContain('`fleetgraph rollout advance depot` opens step pilot');
      expect(await positionsOf(fleet)).toBe(40);
      expect(await governed(fleet)).toEqual({ ...BEFORE, limit: 1 });

      for (const limit of [2, 2, 4, 5]) {
        await addNews(fleet);
        expect(await rollout(fleet, 'advance', SERVER_ID, '--wait')).toMatchObject({ status: 0 });
        expect(await governed(fleet)).toMatchObject({ limit, slots: Math.max(3, limit), adaptive: false });
      }
      await addNews(fleet);
      const last = await rollout(fleet, 'advance', SERVER_ID, '--wait');
      expect(last).toMatchObject({ status: 0, text: expect.stringContaining('rollout of depot: completed') });
      expect(await stepsOf(fleet)).toEqual(
        ['test 1', 'pilot 2', 'gradual 2', 'gradual 4', 'gradual 5', 'full 8'].map((step) => `${step} good`),
      );
      expect(await positionsOf(fleet)).toBe(125);
      expect(await governed(fleet)).toEqual({ limit: null, slots: 8, adaptive: true });
      const { rows } = await fleet.pool.query(
        `SELECT action, count(*)::int AS acts FROM audit_log WHERE action LIKE 'rollout.%' GROUP BY 1 ORDER BY 1`,
      );
      expect(rows).toEqual([
        { action: 'rollout.advance', acts: 5 },
        { action: 'rollout.start', acts: 1 },
      ]);
      expect(await rollout(fleet, 'advance', SERVER_ID)).toMatchObject({
        text: expect.stringContaining('none is under way'),
      });
    }),
  TIMEOUT_MS,
);

test(
  'a vehicle that fails stops the rollout, which says what was measured; mended, the step is run again, and back restores what was there',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(4, { rows: 20 });
      await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 2`);
      await fleet.pool.query(
        `UPDATE system_settings SET value = '2' WHERE key = 'legacy_sync.worker_pool.max_workers'`,
      );
      await fleet.startWorker();
      const first = await rollout(fleet, 'start', SERVER_ID, '--wait');
      expect(first.status).toBe(1);
      expect(first.text).toMatch(
        /not good: 50 % of 2 vehicles succeeded \(1\), and 99 % must: 1 failed\. `fleetgraph status /,
      );
      const refused = await rollout(fleet, 'advance', SERVER_ID);
      expect(refused).toMatchObject({ status: 1, text: expect.stringContaining('WrongState') });
      expect(refused.text).toMatch(
        /step test was not good\. 50 % of 2 vehicles [^]*`fleetgraph rollout advance depot --again`/,
      );
      expect(await stepsOf(fleet)).toEqual(['test 1 not-good']);
      expect((await fleet.cli('doctor')).stdout).toMatch(
        /✗ rollout of depot: stopped since 20\S+Z, because step test was not good: 50 % of 2 vehicles succeeded \(1\), and 99 % must: 1 failed\.\n.*rollout status depot; when that is mended: .*rollout advance depot --again; else: .*rollout back depot --reason/,
      );

      await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'gps' WHERE id = 2`);
      expect(await rollout(fleet, 'advance', SERVER_ID, '--again', '--wait')).toMatchObject({ status: 0 });
      expect((await fleet.cli('doctor')).stdout).not.toContain('rollout of depot');
      for (let step = 0; step < 3; step += 1) {
        await addNews(fleet);
        expect(await rollout(fleet, 'advance', SERVER_ID, '--wait')).toMatchObject({ status: 0 });
      }
      expect(await governed(fleet)).toEqual({ limit: 4, slots: 4, adaptive: false });

      const goBack = async (): Promise<string> =>
        (await rollout(fleet, 'back', SERVER_ID, '--reason', 'too many for it')).text;
      expect(await goBack()).toContain('depot is at step gradual again');
      expect(await governed(fleet)).toEqual({ limit: 2, slots: 2, adaptive: false });
      // Somebody decides otherwise meanwhile: that is not undone.
      await fleet.changeServer({ limits: { maxConcurrentVehicles: 3 } });
      expect(await goBack()).toContain('depot is at step pilot again');
      expect(await goBack()).toMatch(
        /is at step test again[^]*note: the own limit of depot stays 3: somebody has changed it from 2/,
      );
      expect(await goBack()).toContain('the rollout of depot is withdrawn');
      expect(await governed(fleet)).toEqual({ limit: 3, slots: 2, adaptive: false });
      expect(await rolloutOf(fleet)).toMatchObject({ state: 'withdrawn' });
      // What arrived stays.
      expect(await positionsOf(fleet)).toBe(92);
    }),
  TIMEOUT_MS,
);

test(
  'an open circuit, one that opened while a step ran, and rows that differ from the source each stop it',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      await fleet.startWorker();
      const breaker = async (state: object): Promise<void> => {
        await fleet.pool.query('UPDATE legacy_server_state SET breaker = $1', [state]);
      };
      const now = Date.now();
      const open = {
        state: 'open',
        until: now + 3_600_000,
        openings: 1,
        troubledSince: now,
        lastCode: 'SshUnreachable',
        changedAt: now,
      };
      await breaker(open);
      const first = await rollout(fleet, 'start', SERVER_ID, '--wait');
      expect(first.text).toMatch(
        /not good: The circuit of depot is open \(SshUnreachable\), and it must be closed: `fleetgraph servers test depot`/,
      );
      // Nothing was worked there.
      expect((await rolloutOf(fleet)).runs).toMatchObject([{ state: 'not-good', runId: null, reconciliationId: null }]);

      await breaker({ state: 'held', code: 'HostKeyMismatch', troubledSince: now, changedAt: now });
      const again = ['advance', SERVER_ID, '--again', '--wait'];
      expect((await rollout(fleet, ...again)).text).toMatch(
        /circuit of depot is held \(HostKeyMismatch\)[^]*close-circuit depot/,
      );

      // Between two looks it closed again; its time is PostgreSQL's, and so later than the step's beginning.
      await fleet.pool.query(`UPDATE legacy_server_state SET breaker = jsonb_build_object('state', 'closed', 'failures', 0, 'openings', 1,
        'changedAt', extract(epoch FROM clock_timestamp() + interval '1 minute') * 1000)`);
      expect((await rollout(fleet, ...again)).text).toContain('The circuit of depot opened while the step ran');
      await breaker({ state: 'closed', failures: 0, openings: 0 });

      await addNews(fleet);
      expect(await rollout(fleet, ...again)).toMatchObject({ status: 0 });
      // Of another vehicle: one that has news would have its last rows read again, and the missing one with them.
      await fleet.addRows('1', 1);
      await fleet.pool.query(
        'DELETE FROM positions WHERE legacy_id = (SELECT min(legacy_id) FROM positions WHERE vehicle_id = 2)',
      );
      const differing = await rollout(fleet, ...again);
      expect(differing.text).toMatch(
        /not good: Rows differ from the source, and none may: 1 missing, 0 changed, 0 extra\. `fleetgraph reconcile show /,
      );
      const [, repair] = /(reconcile repair \S+)`/.exec(differing.text) ?? [];
      expect(await fleet.cli(...repair!.split(' '), '--reason', 'as it says')).toMatchObject({ status: 0 });
      await addNews(fleet);
      expect(await rollout(fleet, ...again)).toMatchObject({ status: 0 });
    }),
  TIMEOUT_MS,
);

test(
  'a source with no new rows: a step that shows nothing is not good, and says so; with more to do it is run again',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(3, { rows: 20 });
      await fleet.startWorker();
      expect(await rollout(fleet, 'start', SERVER_ID, '--wait')).toMatchObject({ status: 0 });
      // The third vehicle alone has rows that were not read yet.
      const pilot = await rollout(fleet, 'advance', SERVER_ID, '--wait');
      expect(pilot.status).toBe(1);
      expect(pilot.text).toContain(
        'not good: Only 1 of 3 vehicles had new rows, which does not show 2 at a time. Run it again when there is more to do: `fleetgraph rollout advance depot --again`.',
      );
      const again = ['advance', SERVER_ID, '--again', '--wait'];
      expect((await rollout(fleet, ...again)).text).toContain('Only 0 of 3 vehicles had new rows');
      const refused = await rollout(fleet, 'advance', SERVER_ID);
      expect(refused.text).toMatch(/WrongState[^]*step pilot was not good\. Only 0 of 3[^]*--again`\. Or go back/);
      expect((await rolloutOf(fleet)).runs.at(-1)).toMatchObject({
        idle: true,
        reconciliationId: null,
        measured: { run: { vehicles: 3, succeeded: 3, worked: 0 } },
      });
      await addNews(fleet);
      expect(await rollout(fleet, ...again)).toMatchObject({ status: 0 });
      expect(await stepsOf(fleet)).toEqual(['test 1 good', 'pilot 2 not-good', 'pilot 2 not-good', 'pilot 2 good']);
    }),
  TIMEOUT_MS,
);

test(
  'unattended, it goes on by itself, waits for news where there are none, and stops at a step that is not good; taken back, it waits for orders; a key that is no setting does not end it',
  () =>
    withFleet({}, async (fleet) => {
      await fleet.addVehicles(4, { rows: 20 });
      await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 4`);
      await fleet.startWorker();
      const started = rollout(fleet, 'start', SERVER_ID, '--unattended', '--wait');
      const waits = /depot: running, unattended[^]*waits for news: Only 1 of 3 vehicles[^]*tried again by itself/;
      await eventually(async () => expect((await rollout(fleet, 'status', SERVER_ID)).text).toMatch(waits), PATIENCE);
      expect((await fleet.cli('doctor')).stdout).not.toContain('rollout of depot');
      expect(await fleet.cli('rollout', 'status', SERVER_ID)).toMatchObject({ status: 0 });
      expect((await rollout(fleet, 'status')).text).toMatch(/depot +running +pilot +waiting for news/);
      // An order ends the wait, and leaves it unattended.
      await addNews(fleet);
      await rollout(fleet, 'advance', SERVER_ID, '--again');
      const stopped = await started;
      expect(stopped.text).toMatch(/depot: running, unattended[^]*not good: 75 % of 4 vehicles succeeded/);
      expect(await stepsOf(fleet)).toEqual(['test 1 good', 'pilot 2 not-good', 'pilot 2 good', 'gradual 2 not-good']);
      expect(await fleet.cli('rollout', 'status', SERVER_ID)).toMatchObject({ status: 1 });
      expect((await rollout(fleet, 'status')).text).toMatch(/depot +running +gradual, 2 workers +not good/);

      await fleet.pool.query(
        `INSERT INTO system_settings (key, value, type, category) VALUES ('legacy_sync.worker_pool.max_worker', '5', 'number', 'legacy_sync')`,
      );
      await rollout(fleet, 'back', SERVER_ID, '--reason', 'look at bus-4');
      await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'gps' WHERE id = 4`);
      await addNews(fleet);
      const next = await rollout(fleet, 'advance', SERVER_ID, '--wait');
      expect(next).toMatchObject({ status: 0, text: expect.stringContaining('depot: running, started by') });
      expect((await stepsOf(fleet)).slice(3)).toEqual(['gradual 2 withdrawn', 'gradual 2 good']);
    }),
  TIMEOUT_MS,
);
