import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { ensureSearchAttributes, openTemporal } from '../src/connections/temporal.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import { type Stack, stackStateDir, startStack } from '../src/stack/stack.ts';
import type { fleetSync } from '../src/workflows/legacy-sync/fleet-sync.ts';
import { fleetSyncWorkflowId } from '../src/workflows/legacy-sync/messages.ts';
import { fleetRunKey, vehicleIdKey, workerSlotKey } from '../src/workflows/legacy-sync/search-attributes.ts';
import { createFakeFleet } from '../test/support/fake-fleet.ts';
import { cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { type Measured, median, printMeasured } from './figures.ts';

const TASK_QUEUE = 'bench-orchestration';
const ROUNDS = 3;
const VEHICLES = 100;

/**
 * Measures what Temporal alone costs: the real workflows on the real server, with a worker of the same settings and a fleet in memory whose
 * activities return at once.
 */
export async function orchestration(): Promise<number> {
  const stack = await startStack({
    stateDir: stackStateDir('bench'),
    from: 'binaries',
    ownTemporal: true,
    servers: ['temporal'],
    onProgress: (line) => console.log(line),
  });
  process.env.TEMPORAL_ADDRESS = stack.temporal.address;
  try {
    await measure(stack);
    return 0;
  } finally {
    await stack.destroy();
  }
}

async function measure(stack: Stack): Promise<void> {
  const { address } = stack.temporal;
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const temporal = await openTemporal();
  await ensureSearchAttributes(temporal, [vehicleIdKey, workerSlotKey, fleetRunKey]);
  const connection = await NativeConnection.connect({ address });
  try {
    const run = async (slots: number): Promise<{ ms: number; limitedBy: string }> => {
      const before = cpuSeconds(stack, null, ['temporal']);
      const ms = await runFleet(temporal.client, connection, slots);
      return { ms, limitedBy: describeCpu(cpuBetween(before, cpuSeconds(stack, null, ['temporal'])), ms, 'worker') };
    };
    await run(4);
    const one: Measured = { contender: '1 slot', times: [], amount: VEHICLES, limitedBy: '' };
    const four: Measured = { contender: '4 slots', times: [], amount: VEHICLES, limitedBy: '' };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [slots, measured] of [
        [1, one],
        [4, four],
      ] as const) {
        const { ms, limitedBy } = await run(slots);
        measured.times.push(ms);
        measured.limitedBy = limitedBy;
      }
    }
    one.limitedBy = `round trips, one after the other: a claim, a child workflow, an activity; ${one.limitedBy}`;
    console.log(`orchestration: ${VEHICLES} vehicles, no work in them`);
    printMeasured([one, four], four, (each) => (median(each.times) / each.amount).toFixed(1), 'ms per vehicle');
  } finally {
    await temporal.close();
    await connection.close();
  }
}

let fleets = 0;

async function runFleet(client: Client, connection: NativeConnection, slots: number): Promise<number> {
  fleets += 1;
  const vehicles = Array.from({ length: VEHICLES }, (_, index) => ({
    id: String(fleets * 1_000 + index),
    streamed: true,
  }));
  const fleet = createFakeFleet(vehicles, { signal: () => new AbortController().signal });
  const worker = await Worker.create({
    connection,
    taskQueue: TASK_QUEUE,
    activities: fleet.activities,
    workflowBundle: { codePath: join(checkoutDir(), 'dist/workflow-bundle.js') },
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10 },
  });
  return worker.runUntil(async () => {
    const startedAt = performance.now();
    const result = await client.workflow.execute<typeof fleetSync>('fleetSync', {
      workflowId: fleetSyncWorkflowId(`bench-${fleets}`),
      taskQueue: TASK_QUEUE,
      args: [{ selection: { kind: 'all' }, maxWorkers: slots, requestedBy: 'bench' }],
    });
    if (result.completed !== VEHICLES) throw new Error(`orchestration: ${result.completed} of ${VEHICLES} completed`);
    return performance.now() - startedAt;
  });
}
