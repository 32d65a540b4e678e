/** Records the histories that replay.test.ts replays: `npm run record-histories`, at the commit that is deployed. */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { fleetSync } from '../../src/workflows/legacy-sync/fleet-sync.ts';
import {
  pauseUpdate,
  resumeUpdate,
  setMaxWorkersUpdate,
  vehicleSyncWorkflowId,
} from '../../src/workflows/legacy-sync/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeVehicle, createFakeFleet } from '../support/fake-fleet.ts';
import { type TestWorker, createTestWorker } from '../support/worker.ts';

const HISTORIES = join(import.meta.dirname, 'histories');
/** Stands in stack traces. */
const CHECKOUT = join(import.meta.dirname, '../../');
const opened: TestWorker[] = [];
afterAll(() => Promise.all(opened.map((worker) => worker.close())));

const endless = async (_attempt: number, signal: AbortSignal): Promise<void> => {
  const ticker = setInterval(() => heartbeat('busy'), 50);
  await new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  ).finally(() => clearInterval(ticker));
};

async function save(worker: TestWorker, file: string, workflowId: string): Promise<void> {
  const history = await worker.client.workflow.getHandle(workflowId).fetchHistory();
  // Who recorded it, and on which machine, is nobody's business.
  const text = historyToJSON(history)
    .replaceAll(/"identity": ?"[^"]*"/g, '"identity": "recorder"')
    .replaceAll(/"\d+@[^"]*"/g, '"recorder"')
    .replaceAll(CHECKOUT, '');
  // With its id: child ids derive from it.
  await writeFile(join(HISTORIES, `${file}.json`), JSON.stringify({ workflowId, history: JSON.parse(text) }, null, 1));
}

async function record(
  name: string,
  vehicles: FakeVehicle[],
  play: (run: Awaited<ReturnType<typeof startRun>>, fleet: ReturnType<typeof createFakeFleet>) => Promise<void>,
): Promise<void> {
  await mkdir(HISTORIES, { recursive: true });
  const fleet = createFakeFleet(vehicles, { signal: cancellationSignal });
  const worker = await createTestWorker(fleet.activities);
  opened.push(worker);
  await worker.run(async () => {
    const run = await startRun(worker);
    await play(run, fleet);
    await run.result().catch(() => {});
    await save(worker, `fleet-sync-${name}`, run.workflowId);
    await save(worker, `worker-slot-${name}`, `${run.workflowId}/worker-1`);
    await save(worker, `vehicle-sync-${name}`, vehicleSyncWorkflowId(vehicles[0]!.id));
  });
}

const startRun = (worker: TestWorker) =>
  worker.client.workflow.start<typeof fleetSync>('fleetSync', {
    workflowId: worker.id('fleet-sync'),
    taskQueue: worker.taskQueue,
    args: [{ selection: { kind: 'all' }, requestedBy: 'record' }],
  });

const base = randomInt(1e9) * 1_000;
const fleetOf = (from: number, size: number, part: Omit<FakeVehicle, 'id'> = {}): FakeVehicle[] =>
  Array.from({ length: size }, (_, n) => ({ id: String(base + from + n), ...part }));

test('completed', () => record('completed', fleetOf(0, 6, { ranges: 2 }), async () => {}));

test('steered', () =>
  record('steered', fleetOf(100, 20, { onExport: () => sleep(60) }), async (run, fleet) => {
    await run.executeUpdate(setMaxWorkersUpdate, { args: [5] });
    await run.executeUpdate(pauseUpdate);
    await sleep(500);
    await run.executeUpdate(resumeUpdate);
    await run.executeUpdate(setMaxWorkersUpdate, { args: [1] });
    await eventually(() => expect(fleet.settled.size).toBe(20));
  }));

test('failed', () =>
  record(
    'failed',
    fleetOf(200, 4, {
      onExport: async () => Promise.reject(ApplicationFailure.nonRetryable('no such table', 'TableMissing')),
    }),
    async () => {},
  ));

test('timed-out', () => record('timed-out', fleetOf(300, 2, { onExport: endless, timeoutMs: 300 }), async () => {}));

test('cancelled', () =>
  record('cancelled', fleetOf(400, 4, { onExport: endless }), async (run, fleet) => {
    await eventually(() => expect(fleet.log.length).toBeGreaterThan(2));
    await run.cancel();
  }));
