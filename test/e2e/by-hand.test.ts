import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { type CustomStages, createCustomStages } from '../../src/orchestrator/custom-stages.ts';
import { writeSetting } from '../../src/records/settings.ts';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { addNews } from '../support/rollout.ts';
import { sourceNetwork } from '../support/source-network.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import { runProgram } from '../support/fleet-worker.ts';
import { type EmulatedSource, startOdataSource } from '../../src/emulators/odata-source.ts';

/** The lines of docs/by-hand.md, in the order they stand there. */
const page = readFileSync(join(checkoutDir(), 'docs/by-hand.md'), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block]) => block!.trim().split('\n'));
const inTables = [...page.matchAll(/^\|.*`(temporal workflow [a-z]+ -w [^`…]+)`\s*\|$/gm)].map(([, line]) => line!);

const LONG = { withinMs: 30_000, everyMs: 200 };

let fleet: Fleet;
let link: FaultProxy;
let source: EmulatedSource;
let stages: CustomStages;
/** Lines still to be run. */
const left = new Set([...blocks, ...inTables]);

beforeAll(async () => {
  fleet = await openFleet({ settings: { 'export.compression': 'none', 'transfer.stream_max_bytes': 0 } });
  await fleet.addVehicles(3, { rows: 16_000, padding: 500 });
  link = await fleet.linkToHost();
  source = await startOdataSource({ ...sourceNetwork() });
  await setGraph('odata.url', source.url);
  // As on a user's machine: found on the PATH, told where Temporal is by the environment.
  const bin = join(fleet.stagingDir, '..');
  symlinkSync(fleet.stack.temporal.binary, join(bin, 'temporal'));
  fleet.environment.PATH = `${bin}:${fleet.environment.PATH}`;
  await fleet.startWorker();
  // The embedding program is this process.
  process.env.TEMPORAL_ADDRESS = fleet.environment.TEMPORAL_ADDRESS;
  process.env.TEMPORAL_NAMESPACE = fleet.namespace;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  stages = createCustomStages(fleet.pool);
}, 60_000);
afterAll(async () => {
  await stages?.close();
  await fleet.close();
  await source.close();
});

const setGraph = (key: string, value: string): Promise<unknown> =>
  writeSetting(fleet.pool, `transport_graph.${key}`, value, { actor: 'test' });

/** Runs a line of the page as a shell does, and answers what it printed. `fails`: the line tells of a failure by its exit code. */
async function run(line: string, { fails = false } = {}): Promise<string> {
  expect([...blocks, ...inTables]).toContain(line);
  left.delete(line);
  const { status, stdout, stderr } = await runProgram('sh', ['-c', line], fleet.environment);
  const failed = status !== 0;
  expect({ line, failed, stderr: failed === fails ? '' : stderr }).toEqual({ line, failed: fails, stderr: '' });
  return `${stdout}${stderr}`;
}
const lineLike = (pattern: RegExp): string => {
  const found = [...left].filter((line) => pattern.test(line));
  expect({ pattern, found }).toEqual({ pattern, found: [expect.any(String)] });
  return found[0]!;
};
const START_FLEET = blocks[0]!;
const slow = (): void => link.set({ kind: 'rate', bytesPerSecond: 100_000 });

async function startFleet(): Promise<string> {
  slow();
  const runId = /RunId\s+(\S+)/.exec(await run(START_FLEET))?.[1] ?? '';
  await eventually(async () => expect(await fleet.status(runId, '1')).toMatch(/exporting|transferring/), LONG);
  return runId;
}
const ended = (workflowId: string, runId?: string): Promise<string> =>
  eventually(async () => {
    const { status } = await fleet.client.workflow.getHandle(workflowId, runId).describe();
    if (status.name === 'RUNNING') throw new Error(`${workflowId} is running`);
    return status.name;
  }, LONG);

test('a fleet sync: started, joined, looked into, steered', async () => {
  const runId = await startFleet();
  expect(await run(START_FLEET)).toContain(runId);
  expect(await run('temporal workflow describe -w fleet-sync/all')).toMatch(/fleetSync[^]*fleet-sync\/all\/worker-1/);
  expect(await run('temporal workflow metadata -w fleet-sync/all')).toMatch(/3 vehicles, about 48000 rows to sync/);
  expect(await run('temporal workflow show -w fleet-sync/all')).toMatch(/WorkflowExecutionStarted/);
  expect(await run('temporal workflow stack -w fleet-sync/all')).toMatch(/at .*fleetSync/);

  expect(await run('temporal workflow update execute -w fleet-sync/all --name pause')).toMatch(/"?paused"?: ?true/);
  expect(await fleet.manager.status(runId)).toMatchObject({ paused: true });
  const again = await runProgram(
    'sh',
    ['-c', 'temporal workflow update execute -w fleet-sync/all --name pause'],
    fleet.environment,
  );
  expect(`${again.stdout}${again.stderr}`).toMatch(/paused already/);
  expect(await run('temporal workflow update execute -w fleet-sync/all --name resume')).toMatch(/"?paused"?: ?false/);
  const line = 'temporal workflow update execute -w fleet-sync/all --name setMaxWorkers --input 1';
  expect(await run(line)).toMatch(/"?maxWorkers"?: ?1/);
});

test('slots and vehicles: looked into, woken, ended one by one', async () => {
  expect(await run('temporal workflow metadata -w fleet-sync/all/worker-1')).toMatch(/worker slot 1/);
  expect(await run('temporal workflow signal -w fleet-sync/all/worker-1 --name wake')).toMatch(/Signal/);
  await eventually(
    async () => expect(await run('temporal workflow describe -w vehicle-sync/1')).toMatch(/transferring/),
    LONG,
  );
  expect(await run('temporal workflow metadata -w vehicle-sync/1')).toMatch(/bus-1[^]*loading range 1/);
  expect(await run("temporal workflow pause -w fleet-sync/all --reason 'the disk is exchanged'")).toMatch(/paused/);
  expect(await run(lineLike(/activity pause/))).toBe('');
  await eventually(async () => {
    const listed = await run("temporal workflow list -q 'TemporalPauseInfo IS NOT NULL'");
    expect(listed).toMatch(/Running\s+vehicle-sync\/1/);
    expect(listed).toMatch(/Paused\s+fleet-sync\/all/);
  }, LONG);
  expect(await run(lineLike(/activity unpause/))).toBe('');
  await run('temporal workflow unpause -w fleet-sync/all');
  expect(await run(lineLike(/activity fail/))).toBe('');
  expect(await ended('vehicle-sync/3')).toBe('FAILED');
  expect(await run('temporal workflow cancel -w vehicle-sync/1')).toMatch(/Cancel/);
  expect(await ended('vehicle-sync/1')).toBe('CANCELLED');
  expect(await run(lineLike(/terminate -w vehicle-sync\/2/))).toMatch(/terminat/i);
  expect(await ended('vehicle-sync/2')).toBe('TERMINATED');
});

test('a run is cancelled, and the next one terminated', async () => {
  // The one before ends by itself: each of its vehicles was ended.
  expect(await ended('fleet-sync/all')).toBe('FAILED');
  await startFleet();
  expect(await run('temporal workflow cancel -w fleet-sync/all')).toMatch(/Cancel/);
  expect(await run('temporal workflow result -w fleet-sync/all', { fails: true })).toMatch(/cancel/i);
  const runId = await startFleet();
  expect(await run(lineLike(/terminate -w fleet-sync\/all/))).toMatch(/terminat/i);
  expect(await ended('fleet-sync/all', runId)).toBe('TERMINATED');
  expect(await ended('vehicle-sync/1')).toBe('CANCELLED');
  link.set({ kind: 'pass' });
});

test('a rollout: started, advanced when its step was good, taken back, cancelled', async () => {
  const details = (text: RegExp): Promise<void> =>
    eventually(async () => expect(await run('temporal workflow metadata -w rollout/depot')).toMatch(text), {
      withinMs: 90_000,
      everyMs: 500,
    });
  await addNews(fleet);
  await run(lineLike(/--type rollout/));
  await details(/step 1 of 5, \*\*test\*\*: good, waiting/);
  await addNews(fleet);
  expect(await run(lineLike(/--name advance/))).toMatch(/"?step"?: ?"?pilot/);
  await details(/step 2 of 5, \*\*pilot\*\*: good, waiting/);
  expect(await run(lineLike(/--name back/))).toMatch(/"?step"?: ?"?test/);
  await run('temporal workflow cancel -w rollout/depot');
  expect(await ended('rollout/depot')).toBe('CANCELLED');
  const { rows } = await fleet.pool.query("SELECT limits ->> 'maxConcurrentVehicles' AS own FROM legacy_servers");
  expect(rows).toEqual([{ own: null }]);
}, 200_000);

test('the pipeline: started, looked into, stopped at a stage, cancelled, terminated', async () => {
  const start = lineLike(/--type transportGraphPipeline/);
  const held = await holdSource();
  await run(start);
  await held.reached();
  expect(await run('temporal workflow describe -w transport-graph-pipeline')).toMatch(/transportGraphPipeline/);
  expect(await run('temporal workflow metadata -w transport-graph-pipeline')).toMatch(/running odata-sync-worker/);
  expect(await run('temporal workflow describe -w transport-graph/odata-sync-worker')).toMatch(/syncOdata/);
  await run('temporal workflow cancel -w transport-graph/odata-sync-worker');
  expect(await run('temporal workflow result -w transport-graph-pipeline', { fails: true })).toMatch(
    /odata-sync-worker: /,
  );

  for (const [line, status] of [
    ['temporal workflow cancel -w transport-graph-pipeline', 'CANCELLED'],
    [lineLike(/terminate -w transport-graph-pipeline/), 'TERMINATED'],
  ] as const) {
    await held.again();
    await run(start);
    await held.reached();
    await run(line);
    expect(await ended('transport-graph-pipeline')).toBe(status);
    expect(await ended('transport-graph/odata-sync-worker')).toBe('CANCELLED');
  }
  held.release();
});

test('each stage alone, one of an embedding program too', async () => {
  const stage = async (type: string, id: string): Promise<string> => {
    await run(lineLike(new RegExp(`--type ${type} `)));
    return run(`temporal workflow result -w transport-graph/${id}`);
  };
  expect(await stage('odataSync', 'odata-sync-worker')).toMatch(/success/);
  expect(await stage('virtualEntities', 'virtual-entities-generator')).toMatch(/success/);
  expect(await stage('graphBuilder', 'graph-builder')).toMatch(/success/);
  stages.add('depot-report', {
    workerName: 'Depot report',
    version: '1.0.0',
    execute: async () => ({ message: 'reported by the embedding program' }),
  });
  await stages.ready();
  expect(await stage('customStage', 'depot-report')).toMatch(/reported by the embedding program/);
});

test('the schedule: described, paused, triggered, filled in; its wrapper by hand', async () => {
  expect(await run('temporal schedule describe -s transport-graph-schedule')).toMatch(/Skip/i);
  await run(lineLike(/--pause/));
  expect(await run('temporal schedule describe -s transport-graph-schedule')).toMatch(/the source is being moved/);
  await run(lineLike(/--unpause/));
  const starts = async (): Promise<number> => {
    const { count } = await fleet.client.workflow.count(
      `WorkflowType = 'scheduledPipeline' AND ExecutionStatus = 'Completed'`,
    );
    return count;
  };
  await run(lineLike(/schedule trigger/));
  await eventually(async () => expect(await starts()).toBe(1), LONG);
  await run(lineLike(/schedule backfill/));
  await eventually(async () => expect(await starts()).toBe(2), LONG);
  expect(await run(lineLike(/--type scheduledPipeline/))).toMatch(/"?status"?: ?"?ran/);
});

test('what there was is found by our attributes and by Temporal’s', async () => {
  expect(await run(`temporal workflow list -q 'VehicleId="1"'`)).toMatch(/vehicle-sync\/1/);
  expect(await run(`temporal workflow list -q 'VehicleId="1"'`)).not.toMatch(/vehicle-sync\/2/);
  expect(await run(lineLike(/WorkerSlot=1/))).toMatch(/vehicle-sync\//);
  expect(await run(lineLike(/ExecutionStatus="Terminated"/))).toMatch(/Terminated\s+fleet-sync\/all/);
  expect(await run(lineLike(/TaskQueue="transport-graph"/))).toMatch(/transport-graph-pipeline/);
  // No table is read as a whole here.
  expect(await run(lineLike(/LegacyTable/))).not.toMatch(/sync\//);
  expect(await run(lineLike(/TemporalReportedProblems/))).not.toMatch(/sync/);
  expect(await run(lineLike(/workflow count/))).toMatch(/Canceled/i);
  expect(await run(lineLike(/task-queue describe/))).toMatch(/@/);
});

test('no line of the page was left out', () => {
  expect(blocks.length).toBeGreaterThan(35);
  expect([...left]).toEqual([]);
});

/** Holds the source's next answer, so that the stage stays where it is. */
async function holdSource() {
  let asked: () => void;
  let reached: Promise<void>;
  let release = (): void => {};
  const again = async (): Promise<void> => {
    release();
    reached = new Promise((resolve) => (asked = resolve));
    const gate = new Promise<void>((resolve) => (release = resolve));
    source.fault = async () => {
      asked();
      await gate;
      return false;
    };
  };
  await again();
  return {
    again,
    reached: () => reached,
    release: () => {
      release();
      source.fault = null;
    },
  };
}
