import { setTimeout as sleep } from 'node:timers/promises';
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
  streamMaxBytes?: number;
  /** Keeps the first vehicle in the stage; the answer lets it go on. */
  hold(fleet: Fleet): Promise<() => Promise<void> | void>;
}

const STAGES: Stage[] = [
  { stage: 'exporting', ...CATCHABLE, hold: holdDump },
  { stage: 'transferring', rows: 2_000, padding: 500, streamMaxBytes: 0, hold: slowHost },
  { stage: 'importing', rows: 500, padding: 0, streamMaxBytes: 0, hold: lockPositions },
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
  { stage, rows, padding, hold, streamMaxBytes = LEGACY_SYNC_SETTINGS.streamMaxBytes.default }: Stage,
  work: (fleet: Fleet, run: Run, release: () => Promise<void> | void) => Promise<void>,
): Promise<void> {
  await withFleet(
    {
      settings: {
        'export.compression': 'none',
        'transfer.stream_max_bytes': streamMaxBytes,
        'cleanup.interval_ms': 1_000,
      },
    },
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
  'cancelling a run while a vehicle is $stage (dumps up to $streamMaxBytes bytes streamed) cleans up, settles both as failed with code Cancelled, and the next run is whole',
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

test.concurrent(
  'a run that is reset goes on under its id: with its slots, its row, its steering and its cancel',
  () =>
    inStage({ ...STAGES[1]!, rows: 6_000 }, async (fleet, run, release) => {
      const hand = async (line: string): Promise<void> => {
        expect(await fleet.temporal(...line.split(' '))).toMatchObject({ status: 0 });
      };
      await hand(`workflow reset -w ${run.workflowId} --type FirstWorkflowTask --reason again`);
      await fleet.manager.pause(run.runId);
      await fleet.manager.resume(run.runId);
      // The janitor has looked twice.
      await sleep(2_500);
      expect(await fleet.manager.status(run.runId)).toMatchObject({ state: 'running', paused: false, failed: 0 });
      await hand(`workflow reset -w ${run.workflowId} --type LastWorkflowTask --reason again`);
      await fleet.manager.setMaxWorkers(run.runId, 1_000);
      const { count } = await fleet.client.workflow.count(`WorkflowType = 'workerSlot'`);
      expect(count).toBeLessThanOrEqual(2);
      await release();
      expect(await run.result()).toMatchObject({ runId: run.runId, completed: 2, failed: 0 });
      expect(await fleet.manager.status(run.runId)).toMatchObject({ state: 'completed', completed: 2 });
      await expectInvariants(fleet, ['1', '2']);

      await fleet.addRows('1', 6_000, 500);
      const held = await slowHost(fleet);
      const next = await fleet.start();
      await untilStage(fleet, next.runId, 'transferring');
      await hand(`workflow reset -w ${next.workflowId} --type FirstWorkflowTask --reason again`);
      await fleet.manager.pause(next.runId);
      await fleet.manager.cancel(next.runId);
      await expect(next.result()).rejects.toThrow();
      held();
      expect(await fleet.manager.status(next.runId)).toMatchObject({ state: 'cancelled' });
      await eventually(async () => {
        const { status } = await fleet.client.workflow.getHandle('vehicle-sync/1').describe();
        expect(status.name).toBe('CANCELLED');
      });
      await expectInvariants(fleet, ['2']);
    }),
  240_000,
);

test.concurrent(
  'a slot that is cancelled alone ends its vehicle, and the run goes on with the others in all of its slots',
  () =>
    inStage(STAGES[1]!, async (fleet, run, release) => {
      await fleet.client.workflow.getHandle(`${run.workflowId}/worker-1`).cancel();
      await eventually(async () => expect((await fleet.manager.results(run.runId))[0]?.error?.code).toBe('Cancelled'));
      await release();
      expect(await run.result()).toMatchObject({ completed: 1, failed: 1 });
      expect(await fleet.manager.status(run.runId)).toMatchObject({ state: 'completed', completed: 1, failed: 1 });
      const { status } = await fleet.client.workflow.getHandle(run.workflowId, run.runId).describe();
      expect(status.name).toBe('COMPLETED');
      await expectInvariants(fleet, ['2']);
    }),
  240_000,
);
