/** A rollout as a test asks for it and looks at it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Rollout, latestRollouts, waitsForNews } from '../../src/records/rollouts.ts';
import { type Fleet, SERVER_ID, TABLE } from './fleet.ts';

export const rolloutOf = async ({ pool }: Fleet): Promise<Rollout> => (await latestRollouts(pool, SERVER_ID))[0]!;
/** `pilot 2 good`: the runs of steps, with their worker slots. */
export const stepsOf = async (fleet: Fleet): Promise<string[]> => {
  const { steps, runs } = await rolloutOf(fleet);
  return runs.map(({ position, state }) => `${steps[position]!.name} ${steps[position]!.workers} ${state}`);
};

/** What a rollout governs: the server's own limit, the slots of a run, and whether limits adapt. */
export async function governed({ pool }: Fleet): Promise<object> {
  const { rows } = await pool.query(
    `SELECT (SELECT (limits ->> 'maxConcurrentVehicles')::int FROM legacy_servers) AS "limit",
            (SELECT value::int FROM system_settings WHERE key = 'legacy_sync.worker_pool.max_workers') AS slots,
            (SELECT value::bool FROM system_settings WHERE key = 'legacy_sync.adaptive.enabled') AS adaptive`,
  );
  return rows[0] as object;
}
/** A new fix of each vehicle at the source: a step with nothing to do proves nothing. */
export const addNews = ({ legacy }: Fleet): Promise<void> =>
  legacy.query(`INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude, speed, note)
    SELECT vehicle_id, TIMESTAMPADD(SECOND, 15, MAX(device_time)), 62.03, 129.73, 20, '' FROM ${TABLE} GROUP BY vehicle_id`);

/** Drives on: whenever a step has had too little to do, there is news. Until the rollout has ended. */
export async function keepDriving(fleet: Fleet): Promise<void> {
  for (;;) {
    const found = await rolloutOf(fleet);
    if (found.state !== 'running') return;
    if (waitsForNews(found)) await addNews(fleet);
    await sleep(200);
  }
}

export const positionsOf = async ({ pool }: Fleet): Promise<number> =>
  (await pool.query<{ rows: number }>('SELECT count(*)::int AS rows FROM positions')).rows[0]!.rows;

export async function rollout(fleet: Fleet, ...args: string[]): Promise<{ status: number | null; text: string }> {
  const { status, stdout, stderr } = await fleet.cli('rollout', ...args);
  return { status, text: `${stdout}${stderr}` };
}
