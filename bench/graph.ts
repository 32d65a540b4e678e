import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGraphStore } from '../src/graph-store/graph-store.ts';
import { graphKeys } from '../src/graph-store/graph-keys.ts';
import { type StoredContent, bytesOf } from '../src/graph-store/stored-content.ts';
import { createBuilder, seedNetwork } from '../test/support/graph-fixture.ts';
import { median } from './figures.ts';
import { type GraphServers, printLimits, timed, withGraphServers } from './graph-servers.ts';

export const GRAPH = { stops: 5_000, routes: 100_000, flightsPerRoute: 2, rounds: 5 };

/** Measures a build from PostgreSQL to the active version, and the load of Redis beside `redis-cli --pipe` with the same keys and values. */
export function graph(size = GRAPH): Promise<number> {
  return withGraphServers(async (servers) => {
    const { pool, redis } = servers;
    await seedNetwork(pool, size);
    await pool.query('VACUUM ANALYZE');
    const { build, lines } = createBuilder(pool, redis, { graceMs: 0, versionsKept: 2 });
    await build();
    const memory = await memoryOfOneGraph(servers);
    const builds: number[] = [];
    for (let round = 0; round < size.rounds; round++) builds.push(await timed(() => build({ force: true })));
    console.log(lines.at(-1));
    const unchanged = await timed(() => build());
    const { ours, pipe } = await compareLoads(servers, size.rounds);
    const seconds = (times: number[]): string => times.map((ms) => (ms / 1_000).toFixed(2)).join(' ');
    console.log(
      `\nPostgreSQL to active, s: ${seconds(builds)}\nload of Redis, s: ${seconds(ours)}\nredis-cli --pipe, s: ${seconds(pipe)}`,
    );
    return printLimits([
      { name: 'PostgreSQL to active', measured: median(builds) / 1_000, atMost: 1.5, unit: 's' },
      { name: 'load of Redis against redis-cli --pipe', measured: median(ours) / median(pipe), atMost: 1.6, unit: '×' },
      { name: 'memory of one graph', measured: memory / 2 ** 20, atMost: 50, unit: 'MB' },
      { name: 'unchanged', measured: unchanged, atMost: 200, unit: 'ms' },
    ]);
  });
}

async function memoryOfOneGraph({ redis }: GraphServers): Promise<number> {
  const used = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]);
  const full = await used();
  const store = createGraphStore(redis);
  const version = (await store.pointer())!;
  const content = (await store.read(version))!;
  await store.remove(version);
  // Memory of connections and of the empty server does not count as the graph's.
  const empty = await used();
  await store.load(
    version,
    { nodes: content.stopIds.length, edges: 0, sha256: '', datasetVersion: '1', fingerprint: '' },
    bytesOf(content),
  );
  return full - empty;
}

/** Measures both loads by turns, so that both meet the same machine. */
async function compareLoads(
  { stack, redis }: GraphServers,
  rounds: number,
): Promise<{ ours: number[]; pipe: number[] }> {
  const store = createGraphStore(redis);
  const content = (await store.read((await store.pointer())!))!;
  const file = join(stack.stateDir, 'graph.resp');
  await writeProtocol(file, content);
  const manifest = { nodes: content.stopIds.length, edges: 0, sha256: '', datasetVersion: '1', fingerprint: '' };
  const [ours, pipe]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(await timed(() => store.load('graph-v1', manifest, bytesOf(content))));
    await store.remove('graph-v1');
    pipe.push(await timed(() => redisCliPipe(stack.redis.port, file)));
    await store.remove('graph-v2');
  }
  return { ours, pipe };
}

async function redisCliPipe(port: number, file: string): Promise<void> {
  const input = await open(file);
  const child = spawn('redis-cli', ['-p', String(port), '--pipe'], { stdio: [input.fd, 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number];
  await input.close();
  if (code !== 0) throw new Error(`redis-cli --pipe ended with ${code}`);
}

/** Writes one SET per key, as Redis' documentation of mass insertion does. */
async function writeProtocol(path: string, { stopIds, nodes, neighbors }: StoredContent): Promise<void> {
  await promisify(execFile)('redis-cli', ['--version']);
  const keys = graphKeys('graph-v2', false);
  const command = (...parts: string[]): string =>
    `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
  const file = await open(path, 'w');
  await file.write(command('SET', keys.meta, '{}'));
  for (const [i, stopId] of stopIds.entries()) {
    const node = command('SET', keys.node(stopId), nodes[i]!);
    await file.write(
      command('SADD', keys.nodes, stopId) + node + command('SET', keys.neighbors(stopId), neighbors[i]!),
    );
  }
  await file.close();
}
