import { expect, test } from '@jest/globals';
import type { WorkerResult } from '../../src/client/worker-pool-manager.ts';
import { LEGACY_SYNC_SETTINGS } from '../../src/settings/legacy-sync.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type Run, untilStage, withFleet } from '../support/fleet.ts';
import { CATCHABLE, holdDump } from '../support/hold-dump.ts';
import { expectInvariants } from '../support/invariants.ts';

interface Stage {
  stage: string;
  rows: number;
  padding: number;
  /** 0: the dump is written to a file; else a small one is streamed. */
  atOnceBytes?: number;
  /** Keeps the first vehicle in the stage; the answer lets it go on. */
  hold(fleet: Fleet): Promise<() => Promise<void> | void>;
}

const STAGES: Stage[] = [
  { stage: 'exporting', ...CATCHABLE, hold: holdDump },
  { stage: 'transferring', rows: 2_000, padding: 500, atOnceBytes: 0, hold: slowHost },
  { stage: 'importing', rows: 500, padding: 0, atOnceBytes: 0, hold: lockPositions },
  { stage: 'transferring', rows: 1_000, padding: 500, hold: slowHost },
  { stage: 'importing', rows: 500, padding: 0, hold: lockPositions },
];

async function slowHost(fleet: Fleet): Promise<() => void> {
  const link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 50_000 });
  return () => link.set({ kind: 'pass' });
}

async function lockPositions(fleet: Fleet): Promise<() => Promise<void>> {
  const client = await fleet.pool.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE positions IN SHARE MODE');
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
}

/** Two vehicles, of which the first is in the stage and the second waits for the only slot. */
async function inStage(
  { stage, rows, padding, hold, atOnceBytes = LEGACY_SYNC_SETTINGS.atOnceBytes.default }: Stage,
  work: (fleet: Fleet, run: Run, release: () => Promise<void> | void) => Promise<void>,
): Promise<void> {
  await withFleet(
    { settings: { 'export.compression': 'none', 'transfer.at_once_bytes': atOnceBytes, 'cleanup.interval_ms': 1_000 } },
    async (fleet) => {
      await fleet.addVehicles(2, { rows, padding });
      const before = stage === 'exporting' ? null : await hold(fleet);
      await fleet.startWorker();
      const run = await fleet.start({ maxWorkers: 1 });
      const release = before ?? (await hold(fleet));
      await untilStage(fleet, run.runId, stage);
      await work(fleet, run, release);
    },
  );
}

const ended = (results: WorkerResult[]): unknown[] => results.map(({ status, error }) => [status, error?.code]);
const BOTH_CANCELLED = [
  ['failed', 'Cancelled'],
  ['failed', 'Cancelled'],
];

test.concurrent.each(STAGES)(
  'cancelling a run while a vehicle is $stage (at most $atOnceBytes bytes at once) cleans up, settles both as failed with code Cancelled, and the next run is whole',
  (stage) =>
    inStage(stage, async (fleet, run, release) => {
      await fleet.manager.cancel(run.runId);
      await expect(run.result()).rejects.toThrow();
      await release();
      expect((await fleet.manager.status(run.runId)).state).toBe('cancelled');
      expect(ended(await fleet.manager.results(run.runId))).toEqual(BOTH_CANCELLED);
      await expectInvariants(fleet, []);

      expect(await (await fleet.start()).result()).toMatchObject({ completed: 2, failed: 0 });
      await expectInvariants(fleet, ['1', '2']);
    }),
  240_000,
);

test.concurrent(
  'terminating the root cleans up by itself, and no claim or run stays open',
  () =>
    inStage(STAGES[0]!, async (fleet, run) => {
      await fleet.client.workflow.getHandle(run.workflowId, run.runId).terminate('by an operator');
      await eventually(async () => expect((await fleet.manager.status(run.runId)).state).toBe('lost'), {
        withinMs: 60_000,
      });
      await expectInvariants(fleet, []);
      expect(ended(await fleet.manager.results(run.runId))).toEqual([
        ['failed', 'Cancelled'],
        ['failed', 'Lost'],
      ]);
      expect(await (await fleet.start()).result()).toMatchObject({ completed: 2, failed: 0 });
      await expectInvariants(fleet, ['1', '2']);
    }),
  240_000,
);

test.concurrent(
  'terminating one vehicle cleans up after it, and the run goes on with the others',
  () =>
    inStage(STAGES[1]!, async (fleet, run, release) => {
      await fleet.client.workflow.getHandle('vehicle-sync/1').terminate('by an operator');
      await release();
      expect(await run.result()).toMatchObject({ completed: 1, failed: 1 });
      await expectInvariants(fleet, ['2']);
    }),
  240_000,
);
