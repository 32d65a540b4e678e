import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import type pg from 'pg';
import { plainTable } from '../src/cli/run-table.ts';
import { openPostgres } from '../src/connections/postgres.ts';
import { writeSetting } from '../src/records/settings.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import { type Stack, stackStateDir, startStack } from '../src/stack/stack.ts';
import { seedNetwork } from '../test/support/graph-fixture.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { median } from './figures.ts';
import { GRAPH } from './graph.ts';
import { printLimits } from './graph-servers.ts';
import { type OdataService, network, startOdataService } from './odata-service.ts';
import type { StageAnswer, StageRequest } from './stages-of-a-build.ts';

export const BESIDE = { records: 100_000, rounds: 9, only: null as 'sync' | 'graph' | null };

const PAGE_SIZE = 1_000;

/** One build on a database and a Redis database of its own, with its own migrations. */
interface Build {
  pool: pg.Pool;
  redis: Redis;
  program: ChildProcess;
}

interface Took {
  ms: number;
  /** Of the stage's process, PostgreSQL and Redis. */
  cpuMs: number;
  /** From the source's last byte on. */
  ownMs: number;
}

type Pairs = Map<string, { ours: Took; other: Took }[]>;

/** The speed of the graph's stages beside another build's, by turns on the same servers. `build`: its folder, in which `npm run build` was run. */
export async function beside({ build, records, rounds, only }: { build: string } & typeof BESIDE): Promise<number> {
  const stack = await startStack({
    stateDir: stackStateDir('bench'),
    from: 'binaries',
    servers: ['postgres', 'redis'],
    postgresSettings: { max_wal_size: '6GB', checkpoint_timeout: '1h', autovacuum: 'off' },
    onProgress: (line) => console.log(line),
  });
  const service = await startOdataService(PAGE_SIZE);
  const builds: Build[] = [];
  try {
    for (const [n, folder] of [checkoutDir(), build].entries()) builds.push(await startBuild(stack, folder, n));
    for (const { pool } of builds)
      await writeSetting(pool, 'transport_graph.odata.url', service.url, { actor: 'bench' });
    const bench: Compared = { stack, service, ours: builds[0]!, other: builds[1]!, pairs: new Map() };
    // The first round compiles.
    for (let round = 0; round <= rounds && only !== 'graph'; round++) {
      if (round === 1) bench.pairs.clear();
      await syncRound(bench, records, round);
    }
    if (only !== 'sync') await graphRounds(bench, rounds);
    return report(bench.pairs);
  } finally {
    for (const { program, pool, redis } of builds) {
      program.disconnect();
      redis.disconnect();
      await pool.end();
    }
    await service.close();
    await stack.destroy();
  }
}

interface Compared {
  stack: Stack;
  service: OdataService;
  ours: Build;
  other: Build;
  pairs: Pairs;
}

async function startBuild(stack: Stack, folder: string, n: number): Promise<Build> {
  const database = `build_${n}`;
  const admin = openPostgres(stack.postgres.url('postgres'), { max: 1, applicationName: 'fleetgraph bench' });
  await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const urls = { POSTGRES_URL: stack.postgres.url(database), REDIS_URL: `${stack.redis.url}/${n}` };
  await promisify(execFile)(process.execPath, [join(folder, 'dist/cli/main.js'), 'migrate'], {
    env: { ...process.env, FLEETGRAPH_POSTGRES_URL: urls.POSTGRES_URL, FLEETGRAPH_REDIS_URL: urls.REDIS_URL },
  });
  const profile = process.env['BENCH_CPU_PROFILE'];
  const program = fork(fileURLToPath(new URL('./stages-of-a-build.js', import.meta.url)), {
    env: { ...process.env, ...urls, BUILD_DIR: folder },
    execArgv: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profile, String(n))}`],
  });
  await once(program, 'message');
  return {
    pool: openPostgres(urls.POSTGRES_URL, { max: 2, applicationName: 'fleetgraph bench', statementTimeoutMs: 300_000 }),
    redis: new Redis(urls.REDIS_URL),
    program,
  };
}

/** The build that goes first changes from round to round. */
async function inTurn(
  bench: Compared,
  round: number,
  what: string,
  request: StageRequest & { wanted: string },
): Promise<void> {
  const order = round % 2 === 0 ? (['ours', 'other'] as const) : (['other', 'ours'] as const);
  const pair: Partial<Record<'ours' | 'other', Took>> = {};
  for (const side of order) pair[side] = await execute(bench, bench[side], request);
  const { ours, other } = pair as Record<'ours' | 'other', Took>;
  bench.pairs.set(what, [...(bench.pairs.get(what) ?? []), { ours, other }]);
  console.log(`${what}: ${ours.ms.toFixed(0)} ms beside ${other.ms.toFixed(0)} ms`);
}

async function execute(
  { stack, service }: Compared,
  { program, redis }: Build,
  { wanted, ...request }: StageRequest & { wanted: string },
): Promise<Took> {
  const before = await serversCpuMs(stack, redis);
  program.send(request);
  const [answer] = (await once(program, 'message')) as [StageAnswer];
  const endedAt = performance.now();
  if (answer.status !== wanted) throw new Error(`A stage ended ${answer.status} (${answer.message}), not ${wanted}.`);
  const cpuMs = answer.cpuMs + (await serversCpuMs(stack, redis)) - before;
  return { ms: answer.ms, cpuMs, ownMs: endedAt - service.lastAnswerAt() };
}

async function serversCpuMs(stack: Stack, redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const redisSeconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
    Number(new RegExp(`${name}:([0-9.]+)`).exec(info)![1]),
  );
  const { PostgreSQL } = cpuSeconds(stack, null, ['postgres']);
  return 1_000 * (PostgreSQL + redisSeconds[0]! + redisSeconds[1]!);
}

async function syncRound(bench: Compared, records: number, round: number): Promise<void> {
  const { service, ours, other } = bench;
  const sets = network(records);
  service.publish(sets);
  for (const { pool } of [ours, other]) {
    await pool.query('TRUNCATE datasets, dataset_backups, stops, routes, flights, graphs, stage_runs');
    await pool.query('CHECKPOINT');
  }
  const sync = (what: string, wanted: string) =>
    inTurn(bench, round, what, { stage: 'odata-sync', force: false, wanted });
  await sync('first sync', 'success');
  await sync('nothing changed', 'skipped');
  for (let n = 0; n < sets['Flights']!.length; n += 100) sets['Flights']![n]!['AvailableSeats'] = 10 + round;
  service.publish(sets);
  await sync('1 % of the flights changed', 'success');
}

async function graphRounds(bench: Compared, rounds: number): Promise<void> {
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) for (const what of GRAPH_LINES) bench.pairs.delete(what);
    for (const { pool } of [bench.ours, bench.other]) {
      await seedNetwork(pool, { ...GRAPH, minutes: round });
      await pool.query('VACUUM ANALYZE stops, routes, flights');
      await pool.query('CHECKPOINT');
    }
    const build = (what: string) =>
      inTurn(bench, round, what, { stage: 'graph-builder', force: true, wanted: 'success' });
    await build(GRAPH_LINES[0]);
    await build(GRAPH_LINES[1]);
  }
}

const GRAPH_LINES = ['graph, every weight changed', 'graph, forced again'] as const;

/** Of the wall time of the build at 375a54f, the last one before the digests of buckets. */
const LIMITS = { 'first sync': 0.6, '1 % of the flights changed': 0.4, 'nothing changed': 0.5, [GRAPH_LINES[1]]: 0.75 };

function report(pairs: Pairs): number {
  const rows = [...pairs].map(([what, of]) => {
    const ratio = (name: keyof Took): string =>
      median(of.map(({ ours, other }) => ours[name] / other[name])).toFixed(2);
    const ms = (side: 'ours' | 'other', name: keyof Took): string =>
      median(of.map((each) => each[side][name])).toFixed(0);
    return [
      what,
      ms('ours', 'ms'),
      ms('other', 'ms'),
      ratio('ms'),
      ms('ours', 'cpuMs'),
      ms('other', 'cpuMs'),
      ratio('cpuMs'),
      what.startsWith('graph') ? '' : ratio('ownMs'),
    ];
  });
  console.log(
    `\n${plainTable(['what', 'ms', 'other', 'ratio', 'CPU ms', 'other', 'ratio', 'ratio after the last byte'], rows)}`,
  );
  const limits = Object.entries(LIMITS).filter(([name]) => pairs.has(name));
  return printLimits(
    limits.map(([name, atMost]) => ({
      name,
      measured: median(pairs.get(name)!.map(({ ours, other }) => ours.ms / other.ms)),
      atMost,
      unit: '×',
    })),
  );
}
