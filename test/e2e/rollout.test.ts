/** A server is brought into operation step by step: by the command line, on real servers, with everything that stops it. */
import { expect, test } from '@jest/globals';
import { type Rollout, currentRun, latestRollouts } from '../../src/records/rollouts.ts';
import { rolloutWorkflowId } from '../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SERVER_ID, withFleet } from '../support/fleet.ts';

const TIMEOUT_MS = 180_000;

const rolloutOf = async ({ pool }: Fleet): Promise<Rollout> => (await latestRollouts(pool, SERVER_ID))[0]!;
const stepsOf = async (fleet: Fleet): Promise<string[]> => {
  const { steps, runs } = await rolloutOf(fleet);
  return runs.map(({ position, state }) => `${steps[position]!.name} ${steps[position]!.workers} ${state}`);
};

/** What a rollout governs: the server's own limit, the slots of a run, and whether limits adapt. */
async function governed({ pool }: Fleet): Promise<object> {
  const { rows } = await pool.query(
    `SELECT (SELECT (limits ->> 'maxConcurrentVehicles')::int FROM legacy_servers) AS "limit",
            (SELECT value::int FROM system_settings WHERE key = 'legacy_sync.worker_pool.max_workers') AS slots,
            (SELECT value::bool FROM system_settings WHERE key = 'legacy_sync.adaptive.enabled') AS adaptive`,
  );
  return rows[0] as object;
}
const BEFORE = { limit: null, slots: 3, adaptive: false };

const positionsOf = async ({ pool }: Fleet): Promise<number> =>
  (await pool.query<{ rows: number }>('SELECT count(*)::int AS rows FROM positions')).rows[0]!.rows;

async function rollout(fleet: Fleet, ...args: string[]): Promise<{ status: number | null; text: string }> {
  const { status, stdout, stderr } = await fleet.cli('rollout', ...args);
  return { status, text: `${stdout}${stderr}` };
}

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
        expect(await rollout(fleet, 'advance', SERVER_ID, '--wait')).toMatchObject({ status: 0 });
        expect(await governed(fleet)).toMatchObject({ limit, slots: Math.max(3, limit), adaptive: false });
      }
      const last = await rollout(fleet, 'advance', SERVER_ID, '--wait');
      expect(last).toMatchObject({ status: 0, text: expect.stringContaining('rollout of depot: completed') });
      expect(await stepsOf(fleet)).toEqual(
        ['test 1', 'pilot 2', 'gradual 2', 'gradual 4', 'gradual 5', 'full 8'].map((step) => `${step} good`),
      );
      expect(await positionsOf(fleet)).toBe(100);
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
