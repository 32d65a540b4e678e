import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { fleetSync } from '../../../src/workflows/legacy-sync/fleet-sync.ts';
import {
  pauseUpdate,
  resumeUpdate,
  setMaxWorkersUpdate,
  vehicleSyncWorkflowId,
} from '../../../src/workflows/legacy-sync/messages.ts';
import { type FakeFleet, type FakeVehicle, createFakeFleet } from '../../support/fake-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { runProgram } from '../../support/fleet-worker.ts';
import { sharedStack } from '../../support/stack.ts';
import { type TestWorker, createTestWorker } from '../../support/worker.ts';

let worker: TestWorker;
let fleet: FakeFleet;
let firstId: number;

/** Vehicle ids of this test: workflow ids are shared by all tests of the server. */
const id = (n: number): string => String(firstId + n);

async function withFleet(
  vehicles: FakeVehicle[],
  work: (start: () => Promise<WorkflowHandle<typeof fleetSync>>) => Promise<void>,
  replace: (activities: FakeFleet['activities']) => Partial<FakeFleet['activities']> = () => ({}),
): Promise<void> {
  fleet = createFakeFleet(vehicles, { signal: cancellationSignal });
  Object.assign(fleet.activities, replace({ ...fleet.activities }));
  worker = await createTestWorker(fleet.activities);
  const start = (): Promise<WorkflowHandle<typeof fleetSync>> =>
    worker.client.workflow.start<typeof fleetSync>('fleetSync', {
      workflowId: worker.id('fleet-sync'),
      workflowIdConflictPolicy: 'USE_EXISTING',
      taskQueue: worker.taskQueue,
      args: [{ selection: { kind: 'all' } }],
    });
  await worker.run(() => work(start));
}

/** A vehicle whose export goes on until it is cancelled. */
const endless = async (_attempt: number, signal: AbortSignal): Promise<void> => {
  const ticker = setInterval(() => heartbeat('busy'), 50);
  await new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  ).finally(() => clearInterval(ticker));
};

beforeEach(() => {
  firstId = randomInt(1e9) * 1_000;
});
afterEach(() => worker.close());

describe('a fleet sync', () => {
  test('runs every vehicle, never more at once than there are slots', async () => {
    const vehicles = Array.from({ length: 12 }, (_, n) => ({ id: id(n), onExport: () => sleep(30) }));
    await withFleet(vehicles, async (start) => {
      const result = await (await start()).result();
      expect(result).toMatchObject({ vehicles: 12, completed: 12, failed: 0 });
      expect(fleet.mostInFlight()).toBe(3);
      expect(fleet.log.filter((line) => line.startsWith('cleanUp'))).toEqual([]);
      expect(fleet.log.at(-1)).toBe('finish completed');
    });
  });

  test('goes on when a vehicle fails, and cleans up after it', async () => {
    const broken = async (): Promise<void> => {
      throw ApplicationFailure.nonRetryable('no such table', 'TableMissing');
    };
    await withFleet([{ id: id(1) }, { id: id(2), onExport: broken }, { id: id(3) }], async (start) => {
      const result = await (await start()).result();
      expect(result).toMatchObject({ completed: 2, failed: 1 });
      expect(fleet.settled.get(id(2))).toEqual({ result: 'failed', code: 'TableMissing' });
      expect(fleet.log).toContain(`cleanUp ${id(2)}`);
    });
  });

  test('ends as failed when its row says so, with the totals', async () => {
    await withFleet(
      [{ id: id(1) }],
      async (start) => {
        const details = [expect.objectContaining({ state: 'failed', vehicles: 1 })];
        await expect((await start()).result()).rejects.toMatchObject({
          cause: { type: 'EveryVehicleFailed', details },
        });
        expect(fleet.log.filter((line) => line.startsWith('finish'))).toEqual(['finish completed']);
      },
      ({ finishRun }) => ({ finishRun: async (input) => ({ ...(await finishRun(input)), state: 'failed' }) }),
    );
  });

  test('ends a vehicle that used up its time as VehicleTimeout, with cleanup', async () => {
    await withFleet([{ id: id(1), onExport: endless, timeoutMs: 400 }, { id: id(2) }], async (start) => {
      await (await start()).result();
      expect(fleet.settled.get(id(1))).toEqual({ result: 'failed', code: 'VehicleTimeout' });
      expect(fleet.settled.get(id(2))).toEqual({ result: 'completed', code: null });
      expect(fleet.log).toContain(`cleanUp ${id(1)}`);
    });
  });

  test('counts work against the timeout, not queueing', async () => {
    // The vehicle queues for a permit all the time: nothing was worked whenever the timer fires.
    await withFleet(
      [{ id: id(1), onExport: () => sleep(900), timeoutMs: 300 }],
      async (start) => {
        await (await start()).result();
        expect(fleet.settled.get(id(1))).toEqual({ result: 'completed', code: null });
      },
      () => ({ workedMs: async () => 0 }),
    );
  });

  test('syncs a backlog range by range', async () => {
    await withFleet([{ id: id(1), ranges: 3 }], async (start) => {
      await (await start()).result();
      const step = [`export ${id(1)}`, `load ${id(1)}`];
      expect(fleet.log).toEqual([...step, ...step, ...step, 'finish completed']);
    });
  });

  test('loads nothing that its export has streamed', async () => {
    await withFleet([{ id: id(1), ranges: 2, streamed: true }], async (start) => {
      expect(await (await start()).result()).toMatchObject({ completed: 1 });
      expect(fleet.log).toEqual([`export ${id(1)}`, `export ${id(1)}`, 'finish completed']);
    });
  });

  test('exports a range again whose file was no good', async () => {
    let loads = 0;
    await withFleet(
      [{ id: id(1), ranges: 2 }],
      async (start) => {
        await (await start()).result();
        expect(fleet.log.filter((line) => line.startsWith('export'))).toHaveLength(2);
        expect(loads).toBe(2);
        expect(fleet.settled.get(id(1))).toEqual({ result: 'completed', code: null });
      },
      ({ loadRange }) => ({ loadRange: async (input) => (++loads === 1 ? null : loadRange(input)) }),
    );
  });

  test('started twice at once is one run', async () => {
    await withFleet([{ id: id(1), onExport: () => sleep(300) }], async (start) => {
      const [first, second] = await Promise.all([start(), start()]);
      expect(second.workflowId).toBe(first.workflowId);
      await Promise.all([first.result(), second.result()]);
      expect(fleet.log.filter((line) => line.startsWith('export'))).toHaveLength(1);
    });
  });
});

describe('cancelling', () => {
  test('cleans up every vehicle in flight, settles them as Cancelled and ends the run as cancelled', async () => {
    await withFleet(
      [1, 2, 3, 4].map((n) => ({ id: id(n), onExport: endless })),
      async (start) => {
        const run = await start();
        await eventually(() => expect(fleet.log.filter((line) => line.startsWith('export'))).toHaveLength(3));
        await run.cancel();
        await expect(run.result()).rejects.toThrow();
        expect((await run.describe()).status.name).toBe('CANCELLED');
        expect(fleet.log.filter((line) => line.startsWith('cleanUp')).sort()).toEqual(
          [1, 2, 3].map((n) => `cleanUp ${id(n)}`).sort(),
        );
        expect([...fleet.settled.values()]).toEqual(Array(3).fill({ result: 'failed', code: 'Cancelled' }));
        expect(fleet.log.at(-1)).toBe('finish cancelled');
      },
    );
  });

  test('by terminating the root still cleans up and settles', async () => {
    await withFleet(
      [1, 2].map((n) => ({ id: id(n), onExport: endless })),
      async (start) => {
        const run = await start();
        await eventually(() => expect(fleet.log).toHaveLength(2));
        await run.terminate('test');
        await eventually(() => expect(fleet.settled.size).toBe(2));
        expect(fleet.log.filter((line) => line.startsWith('cleanUp'))).toHaveLength(2);
      },
    );
  });

  test('by terminating one vehicle cleans up after it and goes on', async () => {
    await withFleet([{ id: id(1), onExport: endless }, { id: id(2) }], async (start) => {
      const run = await start();
      await eventually(() => expect(fleet.log).toContain(`export ${id(1)}`));
      await worker.client.workflow.getHandle(vehicleSyncWorkflowId(id(1))).terminate('test');
      expect(await run.result()).toMatchObject({ completed: 1, failed: 1 });
      expect(fleet.log).toContain(`cleanUp ${id(1)}`);
    });
  });
});

describe('steering', () => {
  test('opens slots when more are wanted, and retires those above a lower number', async () => {
    const vehicles = Array.from({ length: 60 }, (_, n) => ({ id: id(n), onExport: () => sleep(100) }));
    await withFleet(vehicles, async (start) => {
      fleet.maxWorkers = 1;
      const run = await start();
      await eventually(() => expect(fleet.settled.size).toBeGreaterThan(1));
      expect(fleet.mostInFlight()).toBe(1);
      await run.executeUpdate(setMaxWorkersUpdate, { args: [5] });
      await eventually(() => expect(fleet.mostInFlight()).toBe(5));
      await run.executeUpdate(setMaxWorkersUpdate, { args: [2] });
      expect(await run.result()).toMatchObject({ completed: 60 });
    });
  });

  test('follows a changed setting that a slot saw at its claim', async () => {
    const vehicles = Array.from({ length: 20 }, (_, n) => ({ id: id(n), onExport: () => sleep(100) }));
    await withFleet(vehicles, async (start) => {
      fleet.maxWorkers = 1;
      const run = await start();
      await eventually(() => expect(fleet.settled.size).toBeGreaterThan(0));
      fleet.maxWorkers = 4;
      await run.result();
      expect(fleet.mostInFlight()).toBe(4);
    });
  });

  test('refuses nonsense by validators and names the rule', async () => {
    await withFleet([{ id: id(1), onExport: () => sleep(1_000) }], async (start) => {
      const run = await start();
      for (const workers of [0, -1, 2.5, 1_001, Number.NaN]) {
        await expect(run.executeUpdate(setMaxWorkersUpdate, { args: [workers] })).rejects.toMatchObject({
          cause: { message: expect.stringContaining('whole number from 1 to 1000') },
        });
      }
      await expect(run.executeUpdate(resumeUpdate)).rejects.toMatchObject({
        cause: { message: 'the run is not paused' },
      });
      await run.result();
    });
  });

  test('a signal with no number of workers, or with too many, changes nothing and wedges nothing', async () => {
    await withFleet(
      [1, 2, 3, 4].map((n) => ({ id: id(n), onExport: () => sleep(300) })),
      async (start) => {
        fleet.maxWorkers = 1;
        const run = await start();
        for (const workers of [1_001, 1e12, -3, 2.5, 'many', null, {}, [5]]) await run.signal('workersWanted', workers);
        await run.signal('workersWanted');
        expect(await run.result()).toMatchObject({ completed: 4 });
        const { events } = await run.fetchHistory();
        expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
        const slots = events?.filter((event) => event.startChildWorkflowExecutionInitiatedEventAttributes);
        expect(slots).toHaveLength(1);
      },
    );
  });

  test('pause stops claiming, resume goes on', async () => {
    const vehicles = Array.from({ length: 12 }, (_, n) => ({ id: id(n), onExport: () => sleep(50) }));
    await withFleet(vehicles, async (start) => {
      const run = await start();
      await eventually(() => expect(fleet.settled.size).toBeGreaterThan(0));
      await run.executeUpdate(pauseUpdate);
      // What was claimed ends; on a busy machine that takes its time.
      let settled = -1;
      await eventually(
        () => {
          const before = settled;
          settled = fleet.settled.size;
          expect(settled).toBe(before);
        },
        { everyMs: 1_000 },
      );
      expect(settled).toBeLessThan(12);
      await run.executeUpdate(resumeUpdate);
      expect(await run.result()).toMatchObject({ completed: 12 });
    });
  });

  test('a pause that waits for the planning can be taken back, and is not done after what came later', async () => {
    let plan = (): void => {};
    const mayPlan = new Promise<void>((resolve) => {
      plan = resolve;
    });
    const done: (boolean | undefined)[] = [];
    let tries = 0;
    await withFleet(
      [{ id: id(1) }],
      async (start) => {
        const run = await start();
        for (const order of [pauseUpdate, resumeUpdate]) await run.startUpdate(order, { waitForStage: 'ACCEPTED' });
        plan();
        expect(await run.result()).toMatchObject({ completed: 1 });
        expect(done).toEqual([true, false]);
      },
      ({ planRun, controlRun }) => ({
        planRun: async (input) => {
          await mayPlan;
          return planRun(input);
        },
        controlRun: async (input) => {
          tries += 1;
          // The pause is tried again a little later.
          if (tries === 1) throw new Error('PostgreSQL is away');
          done.push(input.paused);
          return controlRun(input);
        },
      }),
    );
  });
});

test('a vehicle that is being synced elsewhere is tried again and never doubled', async () => {
  const seen: string[] = [];
  let elsewhereEnded = false;
  await withFleet(
    [{ id: id(1) }, { id: id(2), onExport: (attempt) => sleep(attempt === 1 ? 1_000 : 0) }],
    async (start) => {
      const elsewhere = await worker.client.workflow.start('vehicleSync', {
        workflowId: vehicleSyncWorkflowId(id(2)),
        taskQueue: worker.taskQueue,
        args: [{ runId: randomUUID(), vehicleId: id(2), label: 'bus', slot: 1, mode: 'delta', timeoutMs: 60_000 }],
      });
      const ended = elsewhere.result().then(() => (elsewhereEnded = true));
      expect(await (await start()).result()).toMatchObject({ completed: 2, failed: 0 });
      expect(seen).toContain('AlreadyRunning');
      expect(elsewhereEnded).toBe(true);
      await ended;
    },
    ({ claimNext }) => ({
      claimNext: async (input) => {
        if (input.settle?.result === 'already-running') {
          seen.push(input.settle.failure!.code);
          await sleep(200);
        }
        return claimNext(input);
      },
    }),
  );
});

test('an activity that somebody fails or completes by hand ends its vehicle with that person’s words', async () => {
  const told = new Map<string, unknown>();
  const hand = async (verb: 'fail' | 'complete', n: number, ...words: string[]): Promise<void> => {
    const { binary, address } = sharedStack().temporal;
    const line = ['activity', verb, '--address', address, '-w', vehicleSyncWorkflowId(id(n)), '-a', '1', ...words];
    expect(await runProgram(binary, line, { HOME: '/nonexistent' })).toMatchObject({ status: 0 });
  };
  await withFleet(
    [1, 2, 3].map((n) => ({ id: id(n), onExport: endless })),
    async (start) => {
      const run = await start();
      await eventually(() => expect(fleet.log.filter((line) => line.startsWith('export'))).toHaveLength(3));
      await hand('fail', 1, '--reason', 'the bus was sold');
      await hand('fail', 2);
      await hand('complete', 3, '--result', '"enough for today"');
      expect(await run.result()).toMatchObject({ completed: 0, failed: 3 });
      expect([1, 2, 3].map((n) => told.get(id(n)))).toEqual([
        { code: 'EndedByHand', message: 'somebody failed it by hand: the bus was sold' },
        { code: 'EndedByHand', message: expect.stringMatching(/^somebody failed it by hand/) },
        {
          code: 'EndedByHand',
          message: expect.stringContaining('exportRange was completed by hand with "enough for today"'),
        },
      ]);
    },
    ({ claimNext }) => ({
      claimNext: async (input) => {
        if (input.settle && 'vehicleId' in input.settle) told.set(input.settle.vehicleId, input.settle.failure);
        return claimNext(input);
      },
    }),
  );
});

test('a claim whose answer was lost is not a second claim', async () => {
  let lost = 0;
  await withFleet(
    [{ id: id(1) }, { id: id(2) }],
    async (start) => {
      expect(await (await start()).result()).toMatchObject({ completed: 2 });
      expect(lost).toBeGreaterThan(4);
      expect(fleet.log.filter((line) => line.startsWith('export'))).toHaveLength(2);
    },
    ({ claimNext }) => ({
      claimNext: async (input) => {
        const answer = await claimNext(input);
        if (input.sequence === 1 && input.slot === 1 && lost++ < 5) throw new Error('connection reset');
        return answer;
      },
    }),
  );
});

test('a slot continues as new and keeps its vehicle count', async () => {
  const vehicles = Array.from({ length: 230 }, (_, n) => ({ id: id(n) }));
  await withFleet(vehicles, async (start) => {
    fleet.maxWorkers = 1;
    expect(await (await start()).result()).toMatchObject({ completed: 230 });
    const history = await worker.client.workflow.getHandle(`${worker.id('fleet-sync')}/worker-1`).fetchHistory();
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(started?.continuedExecutionRunId).toBeTruthy();
  });
});
