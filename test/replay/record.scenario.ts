/**
 * Records the histories that replay.test.ts replays: `npm run record-histories`, at the commit that is deployed;
 * `-- -t pipeline` records those of the transport graph alone.
 */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { fleetSync } from '../../src/workflows/legacy-sync/fleet-sync.ts';
import {
  advanceUpdate,
  backUpdate,
  pauseUpdate,
  resumeUpdate,
  rolloutWorkflowId,
  setMaxWorkersUpdate,
  vehicleSyncWorkflowId,
} from '../../src/workflows/legacy-sync/messages.ts';
import type { RolloutInput } from '../../src/workflows/legacy-sync/rollout-contract.ts';
import type { ReconcilePart, ReconciliationActivities } from '../../src/workflows/legacy-sync/activities.ts';
import type {
  PipelineActivities,
  StageActivities,
  StageDefinition,
  StageOutcome,
} from '../../src/workflows/transport-graph/activities.ts';
import {
  GRAPH_BUILDER,
  ODATA_SYNC,
  PIPELINE_WORKFLOW_ID,
  VIRTUAL_ENTITIES,
  stageWorkflowId,
  stageWorkflowType,
} from '../../src/workflows/transport-graph/messages.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeVehicle, createFakeFleet } from '../support/fake-fleet.ts';
import { fakeRollout } from '../support/fake-rollout.ts';
import { type TestWorker, createTestWorker, currentDetails } from '../support/worker.ts';

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

/** The waits and attempts of a stage, short. */
const STAGE = {
  critical: true,
  attempts: 2,
  timeoutMs: 10_000,
  executionTimeoutMs: 60_000,
  heartbeatTimeoutMs: 10_000,
  retryWaitMs: 50,
  retryCoefficient: 2,
  workerPatienceMs: 200,
  taskQueue: null,
};
const STAGES: StageDefinition[] = [
  { ...STAGE, workerId: ODATA_SYNC, workerName: 'OData' },
  { ...STAGE, workerId: VIRTUAL_ENTITIES, workerName: 'Virtual entities', critical: false },
  { ...STAGE, workerId: GRAPH_BUILDER, workerName: 'Graph' },
  { ...STAGE, workerId: 'tell-drivers', workerName: 'Drivers', critical: false, taskQueue: 'nobody-polls-this' },
];
const outcome = (message: string, alert = {}): StageOutcome => ({
  status: 'success',
  message,
  datasetVersion: '1',
  dataProcessed: { added: 1, updated: 0, deleted: 0 },
  ...alert,
});

/** FAKE stages: a history holds what workflows decide, and not what their stages do. */
const fakeStages = (stages: Partial<StageActivities>): PipelineActivities & StageActivities => ({
  readStages: async () => STAGES,
  refuseStage: async () => {},
  beginStage: async ({ workerId }) => ({
    decision: 'run',
    stage: STAGES.find((stage) => stage.workerId === workerId)!,
  }),
  endStage: async () => {},
  followStage: async () => ({ state: 'none' }),
  raiseAlert: async () => {},
  syncOdata: async () => outcome('synced'),
  generateVirtualEntities: async () => outcome('generated'),
  buildGraph: async () => outcome('built'),
  ...stages,
});

/** Every run of the pipeline has its one id: one scenario after the other. */
async function recordPipeline(
  name: string,
  stages: Partial<StageActivities>,
  play: (run: WorkflowHandle) => Promise<void> = async () => {},
): Promise<void> {
  const worker = await createTestWorker(fakeStages(stages));
  opened.push(worker);
  await worker.run(async () => {
    const run = await worker.client.workflow.start('scheduledPipeline', {
      workflowId: worker.id('scheduled'),
      taskQueue: worker.taskQueue,
    });
    await play(worker.client.workflow.getHandle(PIPELINE_WORKFLOW_ID));
    await run.result().catch(() => {});
    await save(worker, `scheduled-pipeline-${name}`, run.workflowId);
    await save(worker, `transport-graph-pipeline-${name}`, PIPELINE_WORKFLOW_ID);
    const ran = (await readPipeline(worker)).map(({ workerId }) => workerId);
    for (const workerId of ran) await save(worker, `${stageWorkflowType(workerId)}-${name}`, stageWorkflowId(workerId));
  });
}

/** The stages that began. */
async function readPipeline({ client }: TestWorker): Promise<StageDefinition[]> {
  const { events } = await client.workflow.getHandle(PIPELINE_WORKFLOW_ID).fetchHistory();
  const begun = new Set(
    events!.map((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId),
  );
  return STAGES.filter(({ workerId }) => begun.has(stageWorkflowId(workerId)));
}

const fails = (type: string) => async (): Promise<never> =>
  Promise.reject(ApplicationFailure.nonRetryable('as recorded', type));

test('pipeline completed', () =>
  recordPipeline('completed', {
    syncOdata: async () => outcome('held', { alert: { subject: 'held', message: 'held', dedupeKey: 'held' } }),
  }));

test('pipeline without its source', () => recordPipeline('skipped', { syncOdata: fails('OdataUnavailable') }));

test('pipeline failed', () =>
  recordPipeline('failed', { generateVirtualEntities: fails('CitiesInvalid'), buildGraph: fails('GraphInvalid') }));

test('pipeline cancelled', () => {
  let begun = false;
  const generateVirtualEntities = async (): Promise<never> => {
    begun = true;
    await endless(1, cancellationSignal());
    throw new Error('endless work has ended');
  };
  return recordPipeline('cancelled', { generateVirtualEntities }, async (run) => {
    await eventually(() => expect(begun).toBe(true));
    await run.cancel();
  });
});

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

test('a test of a legacy server under its name of the release before', async () => {
  const worker = await createTestWorker({
    checkServer: async () => ({ ok: true, steps: ['logged in'], failure: null }),
  });
  opened.push(worker);
  await worker.run(async () => {
    const { taskQueue } = worker;
    const handle = await worker.client.workflow.start('checkServer', {
      workflowId: 'server-check/depot',
      taskQueue,
      args: ['depot'],
    });
    await handle.result();
    await save(worker, 'server-check-completed', handle.workflowId);
  });
});

test('what an operator asks for at a server that is not synced from yet', async () => {
  const worker = await createTestWorker({
    inspectServer: async () => ({
      outcome: 'compare-host-key',
      steps: [],
      hostKey: `SHA256:${'A'.repeat(43)}`,
      failure: null,
      found: [],
      more: 0,
      proposal: null,
    }),
    discoverVehicles: async () => ({
      failure: null,
      vehicles: 0,
      fresh: [],
      freshCount: 0,
      missing: [],
      missingCount: 0,
      skipped: [],
      added: 0,
    }),
  });
  opened.push(worker);
  await worker.run(async () => {
    for (const [type, workflowId, input] of [
      ['inspectServer', 'server-inspection/depot', { server: { id: 'depot', host: 'depot.example' } }],
      ['discoverVehicles', 'vehicle-discovery/depot', { serverId: 'depot', add: false, actor: 'a', reason: 'b' }],
    ] as const) {
      const { taskQueue } = worker;
      const handle = await worker.client.workflow.start(type, { workflowId, taskQueue, args: [input] });
      await handle.result();
      await save(worker, `${workflowId.split('/')[0]}-completed`, handle.workflowId);
    }
  });
});

/** FAKE activities: a history holds what workflows decide. Two servers, of which one takes three steps. */
function fakeReconciliation(over: Partial<ReconciliationActivities> = {}): ReconciliationActivities {
  const steps = new Map<string, number>();
  const step = async ({ serverId }: ReconcilePart): Promise<{ left: boolean }> => {
    const taken = (steps.get(serverId) ?? 0) + 1;
    steps.set(serverId, taken);
    return { left: serverId === 'depot' && taken % 3 !== 0 };
  };
  const servers = async (): Promise<{ servers: string[] }> => ({ servers: ['depot', 'garage'] });
  const summary = {
    vehicles: 2,
    compared: 2,
    failed: 0,
    sourceRows: 9,
    targetRows: 8,
    missing: 1,
    changed: 0,
    extra: 0,
  };
  return {
    planReconciliation: servers,
    planRepair: servers,
    compareNext: step,
    repairNext: step,
    finishReconciliation: async ({ outcome }) => ({
      ...summary,
      state: outcome,
      quarantined: 0,
      differingDays: 1,
      repairedDays: 1,
    }),
    removeExtra: async () => ({ vehicles: 1, removed: 2 }),
    ...over,
  };
}

async function recordReconciliation(
  name: string,
  workflow: { type: string; input: object },
  over: Partial<ReconciliationActivities> = {},
): Promise<void> {
  const worker = await createTestWorker(fakeReconciliation(over));
  opened.push(worker);
  await worker.run(async () => {
    const handle = await worker.client.workflow.start(workflow.type, {
      workflowId: worker.id(name),
      taskQueue: worker.taskQueue,
      args: [workflow.input],
    });
    await handle.result().catch(() => {});
    await save(worker, name, handle.workflowId);
  });
}

const RECONCILE = {
  type: 'reconcileFleet',
  input: { selection: { kind: 'all' }, repair: true, requestedBy: 'record' },
};

test('reconciliation completed', () => recordReconciliation('reconcile-fleet-completed', RECONCILE));

test('reconciliation failed', () =>
  recordReconciliation('reconcile-fleet-failed', RECONCILE, { compareNext: fails('SchemaDrift') }));

test('reconciliation repaired', () =>
  recordReconciliation('repair-reconciled-completed', {
    type: 'repairReconciled',
    input: { reconciliationId: '3f0c7a52-6f5e-4f0e-9b5e-0d5f7c1f2a11' },
  }));

test('reconciliation removed', () =>
  recordReconciliation('remove-extra-positions-completed', {
    type: 'removeExtraPositions',
    input: { vehicleIds: ['1'] },
  }));

/** Its children are recorded by themselves. */
async function recordRollout(
  name: string,
  {
    vehicles,
    input = {},
    ...found
  }: Parameters<typeof fakeRollout>[0] & {
    vehicles: FakeVehicle[];
    input?: Partial<RolloutInput>;
  },
  play: (run: WorkflowHandle, says: (details: RegExp) => Promise<void>) => Promise<void>,
): Promise<void> {
  const fleet = createFakeFleet(vehicles, { signal: cancellationSignal });
  const worker = await createTestWorker({ ...fleet.activities, ...fakeReconciliation(), ...fakeRollout(found) });
  opened.push(worker);
  await worker.run(async () => {
    const serverId = worker.id('depot');
    const run = await worker.client.workflow.start('rollout', {
      workflowId: rolloutWorkflowId(serverId),
      taskQueue: worker.taskQueue,
      args: [{ serverId, requestedBy: 'record', ...input }],
    });
    const says = (details: RegExp): Promise<void> =>
      eventually(async () => expect(await currentDetails(run)).toMatch(details), { withinMs: 30_000 });
    await play(run, says);
    await run.result().catch(() => {});
    await save(worker, `rollout-${name}`, run.workflowId);
  });
}

const order = { args: [{ actor: 'record' }] as [{ actor: string }] };

test('rollout completed', () =>
  recordRollout('completed', { vehicles: fleetOf(500, 2), differing: [0, 3] }, async (run, says) => {
    await says(/test.*good, waiting/);
    await run.executeUpdate(advanceUpdate, order);
    await says(/full.*not good\. Rows differ/);
    await run.executeUpdate(backUpdate, order);
    await run.executeUpdate(advanceUpdate, { args: [{ actor: 'record', again: true }] });
    await says(/test.*good, waiting/);
    await run.executeUpdate(advanceUpdate, order);
  }));

test('rollout waited for news', () =>
  recordRollout(
    'waited',
    { vehicles: fleetOf(700, 2), worked: [0, 0, 2, 0], input: { unattended: true, newsWaitMs: 1_000 } },
    async (run, says) => {
      await says(/test.*waits for news/);
      await says(/full.*waits for news/);
      await run.executeUpdate(advanceUpdate, { args: [{ actor: 'record', again: true }] });
    },
  ));

test('rollout withdrawn', () =>
  recordRollout('withdrawn', { vehicles: fleetOf(600, 2, { onExport: endless }) }, async (run, says) => {
    await says(/test.*running/);
    await run.executeUpdate(backUpdate, order);
  }));
