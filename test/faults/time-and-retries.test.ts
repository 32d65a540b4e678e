import { chownSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { expectInvariants } from '../support/invariants.ts';

/** Of work; three vehicles that need six seconds each, one after the other, are longer than it under way. */
const WAITING_MS = 14_000;
/** Bytes of a row of the dump of a vehicle with this padding, about. */
const PADDING = 500;
const ROW_BYTES = 620;

const ROWS = 1_500;

/** An attempt that is cut hears of it within a second, and may have written after the clean-up: that is the janitor's. */
const SOON_CLEAN = { 'cleanup.interval_ms': 1_000, 'cleanup.orphan_after_ms': 3_000 };

/**
 * Two vehicles alike, behind a link that needs sixteen seconds for the rows of either. The first is synced without a limit: what it needs
 * here and now is the measure for the second, which gets three tenths of it. The link is that slow because a busy machine makes only the
 * rest slower: what a range costs to begin must stay far below the limit, or no range is ever done.
 */
const tooLittleTime = (settings: Record<string, number>, work: (fleet: Fleet) => Promise<void>): Promise<void> =>
  withFleet({ settings: { 'export.compression': 'none', ...SOON_CLEAN, ...settings } }, async (fleet) => {
    await fleet.addVehicles(2, { rows: ROWS, padding: PADDING, idStep: 100 });
    const link = await fleet.linkToHost();
    link.set({ kind: 'rate', bytesPerSecond: (ROWS * ROW_BYTES) / 16 });
    await fleet.startWorker();
    expect(await syncVehicle(fleet, '1')).toBe('completed');
    const { rows } = await fleet.pool.query<{ ms: number }>('SELECT worked_ms::int AS ms FROM vehicle_syncs');
    await fleet.set({ 'worker_pool.worker_timeout_ms': Math.round(0.3 * rows[0]!.ms) });
    await work(fleet);
  });

/** How the vehicle's sync ended. */
async function syncVehicle(fleet: Fleet, vehicleId: string): Promise<string> {
  const run = await fleet.start({ selection: { kind: 'list', vehicleIds: [vehicleId] } });
  await run.result();
  const [result] = await fleet.manager.results(run.runId);
  return result?.error?.code ?? result?.status ?? 'up to date';
}

/** How each run ended, and the vehicle's watermark after it. */
async function runsUntilComplete(fleet: Fleet, most: number): Promise<{ ends: string[]; watermarks: bigint[] }> {
  const ends: string[] = [];
  const watermarks: bigint[] = [];
  while (ends.length < most && !WHOLE.includes(ends.at(-1) ?? '')) {
    ends.push(await syncVehicle(fleet, '2'));
    watermarks.push(await watermarkOf(fleet, '2'));
    await expectInvariants(fleet, []);
  }
  return { ends, watermarks };
}

async function watermarkOf({ pool }: Fleet, vehicleId: string): Promise<bigint> {
  const { rows } = await pool.query<{ watermark: string }>('SELECT watermark::text FROM vehicles WHERE id = $1', [
    vehicleId,
  ]);
  return BigInt(rows[0]!.watermark);
}

/** `up to date`: the run before it was cut after it had committed the last range. */
const WHOLE = ['completed', 'up to date'];

test.concurrent(
  'a vehicle that needs three times its timeout gets further with each run that is cut as VehicleTimeout, until it is complete',
  () =>
    tooLittleTime({ 'export.range_rows': ROWS / 20 }, async (fleet) => {
      // Five on a machine with nothing else to do.
      const { ends, watermarks } = await runsUntilComplete(fleet, 12);
      expect(WHOLE).toContain(ends.at(-1));
      expect(ends.length).toBeGreaterThan(1);
      expect(new Set(ends.slice(0, -1))).toEqual(new Set(['VehicleTimeout']));
      watermarks.slice(0, -1).forEach((watermark, run) => expect(watermark).toBeGreaterThan(watermarks[run - 1] ?? 0n));
      await expectInvariants(fleet, ['1', '2']);
    }),
  240_000,
);

test.concurrent(
  'a range that is longer than the timeout is shortened for the next run, so that the vehicle gets on all the same',
  () =>
    tooLittleTime({}, async (fleet) => {
      const { ends } = await runsUntilComplete(fleet, 12);
      expect(ends[0]).toBe('VehicleTimeout');
      expect(WHOLE).toContain(ends.at(-1));
      await expectInvariants(fleet, ['1', '2']);
      // Only what was in the way is kept short: the next sync that is whole takes ranges of the usual length again.
      await fleet.addRows('2', 1);
      expect(await syncVehicle(fleet, '2')).toBe('completed');
      const { rows } = await fleet.pool.query('SELECT range_rows FROM vehicles WHERE id = 2');
      expect(rows).toEqual([{ range_rows: null }]);
    }),
  240_000,
);

test.concurrent(
  'the time a vehicle waits for its turn is no work: one slot of work at a time, and nobody times out',
  () =>
    withFleet(
      {
        settings: {
          'export.compression': 'none',
          'transfer.concurrent_limit': 1,
          'worker_pool.worker_timeout_ms': WAITING_MS,
        },
      },
      async (fleet) => {
        const ids = await fleet.addVehicles(3, { rows: 600, padding: PADDING });
        const link = await fleet.linkToHost();
        link.set({ kind: 'rate', bytesPerSecond: (600 * ROW_BYTES) / 6 });
        await fleet.startWorker();
        const run = await fleet.start({ maxWorkers: 3 });
        expect(await run.result()).toMatchObject({ completed: 3, failed: 0 });
        // The last one's row was claimed for longer than the timeout.
        const longest = Math.max(...(await fleet.manager.results(run.runId)).map(({ durationMs }) => durationMs ?? 0));
        expect(longest).toBeGreaterThan(WAITING_MS);
        await expectInvariants(fleet, ids);
      },
    ),
  240_000,
);

test.concurrent(
  'a vehicle whose dump hangs ends as VehicleTimeout, is cleaned up, and the others are whole',
  () =>
    withFleet({ settings: { 'worker_pool.worker_timeout_ms': 4_000 } }, async (fleet) => {
      await fleet.addVehicles(1, { ...CATCHABLE, priority: 9 });
      await fleet.addVehicles(2, { rows: 300 });
      await fleet.startWorker();
      const run = await fleet.start({ maxWorkers: 1 });
      await holdDump(fleet);
      expect(await run.result()).toMatchObject({ completed: 2, failed: 1 });
      const [hung] = await fleet.manager.results(run.runId);
      expect(hung).toMatchObject({ vehicleId: '1', status: 'failed', error: { code: 'VehicleTimeout' } });
      await expectInvariants(fleet, ['2', '3']);
    }),
  240_000,
);

test.concurrent(
  'retry_attempts 2 is three attempts, further and further apart, then the failure with its code; the others are whole',
  () =>
    withFleet(
      { settings: { 'worker_pool.retry_initial_ms': 1_500, 'transfer.stream_max_bytes': 0 } },
      async (fleet) => {
        const ids = await fleet.addVehicles(2, { rows: 300 });
        // Where the first vehicle's directory should be somebody has put a link: a failure of the work that is worth trying again.
        const elsewhere = join(dirname(fleet.remoteDir), `elsewhere-of-${fleet.name}`);
        mkdirSync(elsewhere, { recursive: true, mode: 0o777 });
        mkdirSync(fleet.remoteDir, { mode: 0o777 });
        giveToLogin(fleet, elsewhere, fleet.remoteDir);
        symlinkSync(elsewhere, join(fleet.remoteDir, ids[0]!));
        await fleet.startWorker();
        const run = await fleet.start();
        expect(await run.result()).toMatchObject({ completed: 1, failed: 1 });
        const [failed] = await fleet.manager.results(run.runId);
        expect(failed?.error?.code).toBe('ExportFailed');
        expect(failed?.error?.message).toMatch(/symbolic link.* Given up after 3 attempts/);
        const [first, second, third, ...more] = attemptsInLog(fleet);
        expect(more).toEqual([]);
        // Plus or minus a quarter at random.
        expect(second! - first!).toBeGreaterThan(1_125);
        expect(third! - second!).toBeGreaterThan(2_250);
        expect(readdirSync(elsewhere)).toEqual([]);
      },
    ),
  240_000,
);

/** The legacy host's login owns its directory. */
function giveToLogin({ stack }: Fleet, ...folders: string[]): void {
  const { uid, gid } = statSync(dirname(stack.ssh.dumpDirectory));
  for (const folder of folders) chownSync(folder, uid, gid);
}

/** When each failed attempt of an export was logged, in milliseconds. */
function attemptsInLog({ logFile }: Fleet): number[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"activityType":"exportRange"') && line.includes('"code":"ExportFailed"'))
    .map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
}
