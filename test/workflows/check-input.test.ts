import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { type TestWorker, createTestWorker } from '../support/worker.ts';

const RUN = randomUUID();
const VEHICLE = { runId: RUN, vehicleId: '17', label: 'bus 17', slot: 1, mode: 'delta', timeoutMs: 1_000 };
const SLOT = { runId: RUN, fleetWorkflowId: 'fleet-sync/all', slot: 1, workers: 3 };
const SLICE = { runId: RUN, sliceId: 'slice-7-1', slot: 1, table: 'positions', number: 1, of: 2, timeoutMs: 1_000 };
const FLEET = { selection: { kind: 'all' } };
const SWITCH = { actor: 'operator', reason: 'wrong bridge' };

const CARRIED = { steps: [{}], position: 0, number: 1, retries: 0, verdict: null, unattended: false };

/** Started by hand with this, the workflow ends failed and says this. `undefined`: started without input. */
const WRONG: [workflow: string, input: unknown, says: RegExp][] = [
  ['fleetSync', undefined, /has no selection/],
  ['fleetSync', { ...FLEET, requestedBy: 'a\0b' }, /requestedBy must be a text.*without NUL/],
  ['fleetSync', { ...FLEET, requestedBy: 17 }, /requestedBy must be a text/],
  ['fleetSync', { selection: { kind: 'list', vehicleIds: '17' } }, /vehicleIds must be a list/],
  ['fleetSync', { selection: { kind: 'list', vehicleIds: [17] } }, /vehicleIds must be a list of ids, each a text/],
  ['fleetSync', { selection: { kind: 'list' } }, /vehicleIds must be a list/],
  ['scheduledFleetSync', undefined, /its input must be an object with fleetWorkflowId, sync/],
  ['scheduledFleetSync', { fleetWorkflowId: '', sync: FLEET }, /fleetWorkflowId must be a text/],
  ['scheduledFleetSync', { fleetWorkflowId: 'fleet-sync/all' }, /sync must be an object, and is not there/],
  ['scheduledReconciliation', { selection: { kind: 'all' }, lastDays: 0 }, /lastDays must be a whole number from 1/],
  ['vehicleSync', undefined, /its input must be an object with runId, vehicleId, .*, and is not there/],
  ['vehicleSync', null, /its input must be an object .*, and is null/],
  ['vehicleSync', [VEHICLE], /its input must be an object/],
  ['vehicleSync', { ...VEHICLE, runId: 'today' }, /runId must be the id of a run, a UUID, and is "today"/],
  ['vehicleSync', { ...VEHICLE, vehicleId: 17 }, /vehicleId must be a vehicle id, as text, and is 17/],
  ['vehicleSync', { ...VEHICLE, label: undefined }, /label must be a text, and is not there/],
  ['vehicleSync', { ...VEHICLE, slot: 0 }, /slot must be a whole number from 1 to 1000, and is 0/],
  ['vehicleSync', { ...VEHICLE, mode: 'all' }, /mode must be "delta" or "full", and is "all"/],
  ['vehicleSync', { ...VEHICLE, timeoutMs: '1000' }, /timeoutMs must be a whole number of at least 1, and is "1000"/],
  ['workerSlot', undefined, /its input must be an object/],
  ['workerSlot', { ...SLOT, fleetWorkflowId: '' }, /fleetWorkflowId must be a text/],
  ['workerSlot', { ...SLOT, workers: 1_001 }, /workers must be a whole number from 1 to 1000/],
  ['tableSliceSync', undefined, /its input must be an object/],
  ['tableSliceSync', { ...SLICE, sliceId: 'x' }, /sliceId must be the id of a slice/],
  ['transportGraphPipeline', 'now', /its input must be an object/],
  ['transportGraphPipeline', { force: 'yes' }, /force must be true or false, and is "yes"/],
  ['transportGraphPipeline', { requestedBy: 'a\0b' }, /requestedBy must be a text/],
  ...['odataSync', 'virtualEntities', 'graphBuilder', 'customStage'].map((stage): [string, unknown, RegExp] => [
    stage,
    undefined,
    new RegExp(`Starting ${stage}: its input must be an object`),
  ]),
  ['odataSync', null, /its input must be an object/],
  ['odataSync', {}, /workerId must be "odata-sync-worker", and is not there/],
  ['odataSync', { workerId: 'graph-builder' }, /workerId must be "odata-sync-worker", and is "graph-builder"/],
  ['graphBuilder', { workerId: 'odata-sync-worker' }, /workerId must be "graph-builder"/],
  ['customStage', { workerId: 'graph-builder' }, /workerId is graph-builder, which is run by graphBuilder/],
  ['customStage', { workerId: 'depot-report', pipelineRunId: 'today' }, /pipelineRunId must be the id of a run/],
  ['graphBuilder', { workerId: 'graph-builder', force: 1 }, /force must be true or false, and is 1/],
  ['switchGraph', undefined, /its input must be an object/],
  ['switchGraph', { ...SWITCH, reason: 'a\0b' }, /reason must be a text/],
  ['switchGraph', { ...SWITCH, version: '12' }, /version must be a version of the graph/],
  ['testServer', undefined, /serverId must be a text/],
  ['rollout', undefined, /Starting rollout: its input must be an object with serverId/],
  ['rollout', { serverId: 17 }, /serverId must be a text of 1 to 63 characters.*, and is 17/],
  ['rollout', { serverId: 'depot', maxWorkers: 0 }, /maxWorkers must be a whole number from 1 to 1000, and is 0/],
  ['rollout', { serverId: 'depot', unattended: 'yes' }, /unattended must be true or false, and is "yes"/],
  ['rollout', { serverId: 'depot', requestedBy: 'a\0b' }, /requestedBy must be a text/],
  ['rollout', { serverId: 'depot', carried: { steps: [] } }, /steps must be a list of steps, and is \[\]/],
  [
    'rollout',
    { serverId: 'depot', carried: { ...CARRIED, position: 1 } },
    /position must be a whole number from 0 to 0/,
  ],
  [
    'rollout',
    { serverId: 'depot', carried: { ...CARRIED, verdict: { good: true, idle: false } } },
    /reasons must be a list/,
  ],
  ['redriveQuarantine', { vehicleId: '17', ids: 'all' }, /ids must be a list/],
  ['redriveQuarantine', { vehicleId: '17', ids: [1] }, /ids must be a list, and each of it must be/],
];

let worker: TestWorker;
beforeAll(async () => {
  // Whatever runs an activity does harm here: no wrong input may reach one, but for the record of a run that was refused.
  worker = await createTestWorker({ finishRun: async () => ({}) });
});
afterAll(() => worker.close());

async function startWrong(client: Client, workflow: string, input: unknown, n: number): Promise<unknown> {
  return client.workflow
    .execute(workflow, {
      workflowId: worker.id(`wrong-${n}`),
      taskQueue: worker.taskQueue,
      args: input === undefined ? [] : [input],
      workflowExecutionTimeout: '30 seconds',
    })
    .catch((error: unknown) => error);
}

test('a workflow that is started by hand with a wrong input ends failed and names the field', async () => {
  const ends = await worker.run(() =>
    Promise.all(WRONG.map(([workflow, input], n) => startWrong(worker.client, workflow, input, n))),
  );
  ends.forEach((error, n) => {
    const [workflow, input, says] = WRONG[n]!;
    expect({ workflow, input, error }).toMatchObject({
      error: {
        cause: { message: expect.stringMatching(says), type: expect.stringMatching(/^Invalid/), nonRetryable: true },
      },
    });
    expect(error).toBeInstanceOf(WorkflowFailedError);
  });
}, 90_000);
