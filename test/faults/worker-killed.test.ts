import { expect, test } from '@jest/globals';
import { LEGACY_SYNC_SETTINGS } from '../../src/settings/legacy-sync.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { expectInvariants } from '../support/invariants.ts';

/** The bound, from the restart to the end of the run. */
const RECOVERY_MS = 30_000;

const STREAM_MAX_BYTES = LEGACY_SYNC_SETTINGS.streamMaxBytes.default;

interface Case {
  point: string;
  rows?: number;
  padding?: number;
  /** What makes the stage last until the worker dies in it; the answer lets it go on. */
  slow?: (fleet: Fleet) => Promise<() => void>;
  hold?: (fleet: Fleet) => Promise<() => void>;
  /** A dump up to this size is streamed within the activity that exports; 0: each stage is an activity and a session of its own. */
  streamMaxBytes?: number;
  /** Whether the first vehicle's rows are there while no worker runs. */
  committed: boolean;
}

const named = (cases: Case[]) =>
  cases.map((each) => ({ ...each, stages: each.streamMaxBytes === 0 ? 'stage by stage' : 'streamed' }));

const CASES: Case[] = [
  { point: 'export:started', ...CATCHABLE, hold: holdDump, committed: false },
  { point: 'export:done', committed: false },
  { point: 'transfer:half', rows: 2_000, padding: 300, slow: slowHost, committed: false },
  { point: 'transfer:done', committed: false },
  { point: 'import:before-commit', committed: false },
  { point: 'import:after-commit', committed: true },
  { point: 'cleanup:half', committed: true },
  { point: 'transfer:half', streamMaxBytes: 0, rows: 2_000, padding: 300, slow: slowHost, committed: false },
  { point: 'import:before-commit', streamMaxBytes: 0, committed: false },
  { point: 'import:after-commit', streamMaxBytes: 0, committed: true },
  { point: 'cleanup:half', streamMaxBytes: 0, committed: true },
];

async function slowHost(fleet: Fleet): Promise<() => void> {
  const link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 300_000 });
  return () => link.set({ kind: 'pass' });
}

// At once: most of the time is waiting for the heartbeat of the dead to be missed.
test.concurrent.each(named(CASES))(
  'kill -9 at $point ($stages): every row once, no file left, and the run ends by itself within 30 s of the restart',
  ({ point, rows = 500, padding = 50, slow, hold, committed, streamMaxBytes = STREAM_MAX_BYTES }) =>
    withFleet(
      { settings: { 'export.compression': 'none', 'transfer.stream_max_bytes': streamMaxBytes } },
      async (fleet) => {
        const ids = await fleet.addVehicles(2, { rows, padding });
        const quicken = await slow?.(fleet);
        const killed = await fleet.startWorker({ fault: point });
        const run = await fleet.start({ maxWorkers: 1 });
        const release = await hold?.(fleet);
        await killed.ended;
        expect(await countPositions(fleet)).toBe(committed ? rows : 0);

        await fleet.startWorker();
        quicken?.();
        release?.();
        const restartedAt = Date.now();
        expect(await run.result()).toMatchObject({ completed: 2, failed: 0, rows: 2 * rows });
        expect(Date.now() - restartedAt).toBeLessThan(RECOVERY_MS);
        await expectInvariants(fleet, ids);
      },
    ),
  240_000,
);

async function countPositions({ pool }: Fleet): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>('SELECT count(*)::int AS rows FROM positions');
  return rows[0]!.rows;
}
