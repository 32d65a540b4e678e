import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { count } from '../src/cli/figures.ts';
import { plainTable } from '../src/cli/run-table.ts';
import { createApiKey } from '../src/records/api-keys.ts';
import { startPipeline } from '../src/orchestrator/start-execution.ts';
import { writeSetting } from '../src/records/settings.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import { stackStateDir } from '../src/stack/state-dir.ts';
import { type ApiProcess, startApiProcess } from '../test/support/api-process.ts';
import { type Bench, withBench } from './bench-stack.ts';
import { type CpuSeconds, cpuBetween, cpuSeconds, describeCpu } from './cpu-seconds.ts';
import { printLimits } from './graph-servers.ts';
import { TABLE, addPositions, createLegacyDatabase, registerFleet, vehicleIds } from './legacy-positions.ts';
import { type OdataService, network, startOdataService } from './odata-service.ts';
import { givePrecedence, startOnItsOwn } from './on-its-own.ts';
import { type LoadResult, type Target, percentile, startLoad } from './open-loop.ts';
import { installSlowDump, slowToolsPath } from './slow-dump.ts';
import { type BenchWorker, startBenchWorker } from './worker-process.ts';

export const API_LOAD = { perSecond: 500, seconds: 12, rounds: 3, flatOut: false };
/** At the beginning of each turn. */
const WARM_UP_SECONDS = 2;
const P99_MS = 10;
/** How long a dump on a legacy host and a page of the source take, because both are far away in an operator's network. */
const REMOTE = { dumpSeconds: 1, answerMs: 300 };
const FLEET = { vehicles: 100, newRows: 400, slots: 4 };
const RECORDS = 5_000;
const PAGE_SIZE = 1_000;

type LoadSize = typeof API_LOAD;

/** Sends reads to the API and to a bare route while both pipelines run, at a fixed rate. Returns how many targets were missed. */
export async function apiLoad(size: LoadSize): Promise<number> {
  // The folder is made later, when the servers are up, and before the first login through this sshd.
  const tools = join(stackStateDir('bench'), 'slow-tools');
  return withBench(size.flatOut ? {} : { sshdExtraConfig: [slowToolsPath(tools)] }, async (bench) => {
    if (!size.flatOut) installSlowDump(tools, [{ table: TABLE, seconds: REMOTE.dumpSeconds }]);
    const opened: (() => unknown)[] = [];
    const open = async <T>(opening: Promise<T>, close: (part: T) => unknown): Promise<T> => {
      const part = await opening;
      opened.unshift(() => close(part));
      return part;
    };
    try {
      const delays = size.flatOut ? {} : { delayMs: REMOTE.answerMs };
      const service = await open(startOdataService(PAGE_SIZE, delays), (each) => each.close());
      const worker = await open(startBenchWorker(bench, 'legacy-sync,transport-graph'), (each) => each.stop());
      const api = await open(startApi(), (each) => each.stop());
      const bare = await open(startBareRoute(), (each) => each.stop());
      const pipelines = await open(startPipelines(bench, service), (each) => each.stop());
      return await underLoad(size, bench, { worker, api, bare, pipelines });
    } finally {
      for (const close of opened) await close();
    }
  });
}

interface Parts {
  worker: BenchWorker;
  api: ApiProcess;
  bare: { pid: number | undefined; url: string };
  pipelines: Pipelines;
}

async function underLoad(size: LoadSize, bench: Bench, { worker, api, bare, pipelines }: Parts): Promise<number> {
  const reads = await readTargets(bench, api, pipelines);
  if (!givePrecedence([api.pid, bare.pid, bench.stack.server('redis').pid])) {
    console.log('this machine gives nobody precedence: the API waits for the pipelines as everybody does');
  }
  const cpu = (): CpuSeconds => cpuSeconds(bench.stack, worker.pid, undefined, api.pid);
  const before = cpu();
  const startedAt = performance.now();
  const measured = await measure(size, bare.url, reads);
  const ms = performance.now() - startedAt;
  console.log(`\n${describeCpu(cpuBetween(before, cpu()), ms, 'load and driver')}`);
  const { vehicles } = pipelines;
  console.log(`meanwhile: ${await vehicles()} vehicles synced, ${pipelines.graphs()} graphs built`);
  return report(measured);
}

function startApi(): Promise<ApiProcess> {
  const profile = process.env.BENCH_CPU_PROFILE;
  return startApiProcess(
    { ...(process.env as Record<string, string>), FLEETGRAPH_API_RATE_PER_MINUTE: '1000000' },
    profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
  );
}

async function startBareRoute(): Promise<Parts['bare'] & { stop(): void }> {
  const child = startOnItsOwn('bare-route');
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { pid: child.pid, url, stop: () => child.disconnect() };
}

interface Pipelines {
  /** The run id of the fleet sync that runs now. */
  runId(): string;
  /** How many vehicles were synced since each pipeline had ended once. */
  vehicles(): Promise<number>;
  graphs(): number;
  stop(): Promise<void>;
}

/** Runs both pipelines again and again, each time with new rows. Resolves when each has ended once. */
async function startPipelines(bench: Bench, service: OdataService): Promise<Pipelines> {
  const state = { runId: '', graphs: 0, stopped: false };
  const reader = await createLegacyDatabase(bench);
  await registerFleet(bench, reader, { ids: vehicleIds(FLEET.vehicles) });
  const set = (key: string, value: string): Promise<unknown> =>
    writeSetting(bench.ours, `transport_graph.${key}`, value, { actor: 'bench' });
  await set('schedule.enabled', 'false');
  await set('odata.url', service.url);
  await set('virtual.cities_file', join(checkoutDir(), 'data/cities/sakha.json'));
  await syncOnce(bench, state);
  await buildOnce(bench, service, state);
  const again = async (once: () => Promise<void>): Promise<void> => {
    while (!state.stopped) await once();
  };
  const already = await settledVehicles(bench);
  const before = state.graphs;
  const both = Promise.all([again(() => syncOnce(bench, state)), again(() => buildOnce(bench, service, state))]);
  // Whoever stops the pipelines gets the error of one that failed.
  both.catch(() => {});
  return {
    runId: () => state.runId,
    vehicles: async () => (await settledVehicles(bench)) - already,
    graphs: () => state.graphs - before,
    async stop() {
      state.stopped = true;
      await both;
    },
  };
}

async function settledVehicles({ ours }: Bench): Promise<number> {
  const { rows } = await ours.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM vehicle_syncs WHERE state = 'settled'`,
  );
  return rows[0]!.count;
}

let steps = 0;

async function syncOnce(bench: Bench, state: { runId: string }): Promise<void> {
  const { vehicles, newRows, slots } = FLEET;
  await addPositions(bench, { vehicles, from: steps * newRows, rows: newRows });
  steps += 1;
  const manager = await bench.session.manager();
  const run = await manager.start({ selection: { kind: 'all' }, maxWorkers: slots, requestedBy: 'bench' });
  state.runId = run.runId;
  const { completed, failed } = await run.result();
  if (completed !== vehicles) throw new Error(`api-load: a fleet sync ended with ${completed} done, ${failed} failed`);
}

/** Builds a graph of which one route in ten takes a minute longer each time. */
async function buildOnce(bench: Bench, service: OdataService, state: { graphs: number }): Promise<void> {
  const sets = network(RECORDS);
  for (const [index, route] of sets.Routes!.entries()) {
    if (index % 10 === 0) route['DurationMinutes'] = 20 + (state.graphs % 50);
  }
  service.publish(sets);
  const { client } = await bench.session.temporal();
  const { result } = await startPipeline(client, { force: false, requestedBy: 'bench' });
  const { success, workerResults } = await result();
  if (!success) throw new Error(`api-load: the pipeline failed: ${JSON.stringify(workerResults)}`);
  state.graphs += 1;
}

interface Reads {
  headers: Record<string, string>;
  /** The targets of the run that runs now, which is another one every few seconds. */
  now(): Target[];
}

async function readTargets(bench: Bench, api: ApiProcess, pipelines: Pipelines): Promise<Reads> {
  const { key } = await createApiKey(bench.ours, { name: 'bench', role: 'viewer', actor: 'bench' });
  const headers = { authorization: `Bearer ${key}` };
  const base = `${api.url}/api/v1`;
  const drawn = await fetch(`${base}/graph/network`, { headers });
  if (!drawn.ok) throw new Error(`api-load: the network of the live graph: ${drawn.status} ${await drawn.text()}`);
  const { nodes } = (await drawn.json()) as { nodes: { stopId: string }[] };
  // The source's own stops are a ring, so there is a way from each of them to the next.
  const stops = nodes.map(({ stopId }) => stopId).filter((stopId) => stopId.startsWith('stop-'));
  const some = Array.from({ length: 20 }, (_, n) => encodeURIComponent(stops[n * Math.floor(stops.length / 20)]!));
  const target = (name: string, ...paths: string[]): Target => ({ name, urls: paths.map((path) => base + path) });
  const now = (): Target[] => [
    target('workers', '/workers'),
    target('one stage', '/workers/graph-builder/status'),
    target('pipeline', '/workers/pipeline/status'),
    target('runs', '/legacy-sync/runs'),
    target('one run, its slots', `/legacy-sync/runs/${pipelines.runId()}`),
    target('vehicles, a page', '/legacy-sync/vehicles'),
    target('live graph', '/graph'),
    target('node', ...some.map((stop) => `/graph/nodes/${stop}`)),
    target('neighbours', ...some.map((stop) => `/graph/nodes/${stop}/neighbors`)),
    target('path', ...some.map((stop, n) => `/graph/path?from=${stop}&to=${some[(n + 7) % some.length]}`)),
  ];
  for (const url of now().flatMap(({ urls }) => urls)) {
    const { status } = await fetch(url, { headers });
    if (status !== 200) throw new Error(`api-load: ${url} answers ${status}: nothing would be measured`);
  }
  return { headers, now };
}

interface Measured {
  ours: LoadResult[];
  bare: LoadResult[];
}

/** Measures our reads and the bare route by turns, at the same rate and beside the same load. */
async function measure({ perSecond, seconds, rounds }: LoadSize, bareUrl: string, reads: Reads): Promise<Measured> {
  const bareTargets = [{ name: 'bare', urls: [bareUrl] }];
  const turn = { perSecond, warmUpSeconds: WARM_UP_SECONDS, seconds };
  const ofReads = async (): Promise<LoadResult[]> => {
    const load = startLoad({ ...turn, targets: reads.now(), headers: reads.headers });
    const following = setInterval(() => load.redirect(reads.now()), 1_000);
    return load.results.finally(() => clearInterval(following));
  };
  const measured: Measured = { ours: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    measured.ours.push(...(await ofReads()));
    measured.bare.push(...(await startLoad({ ...turn, targets: bareTargets, headers: {} }).results));
    await sleep(500);
  }
  return measured;
}

function report({ ours, bare }: Measured): number {
  const row = (name: string, results: LoadResult[]): string[] => {
    const latencies = results.flatMap((each) => each.latencies);
    const figures = [0.5, 0.9, 0.99, 1].map((share) => percentile(latencies, share).toFixed(1));
    const errors = results
      .flatMap((each) => Object.entries(each.errors))
      .map(([error, times]) => `${times} × ${error}`);
    return [name, count(latencies.length), ...figures, errors.join(', ') || 'none'];
  };
  const header = ['', 'requests', 'p50 ms', 'p90', 'p99', 'max', 'errors'];
  console.log(`\n${plainTable(header, [row('fleetgraph, reads', ours), row('a bare Fastify route', bare)])}`);
  const names = [...new Set(ours.map(({ name }) => name))];
  const ofName = (name: string): LoadResult[] => ours.filter((each) => each.name === name);
  console.log(
    `\n${plainTable(
      header,
      names.map((name) => row(name, ofName(name))),
    )}`,
  );
  const p99 = percentile(
    ours.flatMap(({ latencies }) => latencies),
    0.99,
  );
  const wrong = ours.flatMap(({ errors }) => Object.values(errors)).reduce((sum, times) => sum + times, 0);
  return printLimits([
    { name: 'reads, p99', measured: p99, atMost: P99_MS, unit: 'ms' },
    { name: 'answers that are no 200', measured: wrong, atMost: 0, unit: '' },
  ]);
}
