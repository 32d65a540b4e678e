import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { loadConfig } from '../../config.ts';
import { openRedis } from '../../connections/redis.ts';
import { Failure } from '../../errors.ts';
import { type PathNetwork, createPathNetwork } from '../../graph/shortest-path.ts';
import type { GraphEdge, GraphNode } from '../../graph/transport-graph.ts';
import { GraphReader, type PinnedGraph } from '../../graph-store/graph-reader.ts';
import { SILENCE_MS } from '../core/redis-connection.ts';
import type { WholeGraphAnswer, WholeGraphQuestion } from './whole-graph.ts';

/** Time to connect. It takes milliseconds, and more on a busy machine. The caller has already checked that Redis is there. */
const CONNECT_MS = 2_000;

/** Priority of this thread on the scale of `nice`. Long searches must not delay short answers of the other thread. */
const BEHIND_THE_ANSWERING_THREAD = 10;

/** The thread behind whole-graph.ts. It has its own connection, so that the megabytes from Redis are read and parsed here. */
const redis = openRedis(loadConfig().redisUrl, { silenceTimeoutMs: SILENCE_MS, commandTimeoutMs: 2 * SILENCE_MS });

let last: { version: string; network: Promise<PathNetwork> } | null = null;

/** The network is built once per version. Only that of the last requested version is kept. */
function networkOf(graph: PinnedGraph): Promise<PathNetwork> {
  if (last?.version === graph.version) return last.network;
  const network = graph.content().then(({ stopIds, neighbors }) => createPathNetwork(stopIds, neighbors));
  const current = { version: graph.version, network };
  last = current;
  network.catch(() => (last = last === current ? null : last));
  return network;
}

goBehind();

/** Linux sets the priority of a single thread by its thread id. Elsewhere, or where that is forbidden, the priority stays the same. */
function goBehind(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), BEHIND_THE_ANSWERING_THREAD);
  } catch {
    // Other answers are slower without the lower priority, but still right.
  }
}

export default async function answer({ keyTag, way }: WholeGraphQuestion): Promise<WholeGraphAnswer> {
  if (redis.status !== 'ready') {
    await once(redis, 'ready', { signal: AbortSignal.timeout(CONNECT_MS) }).catch(() => {});
  }
  try {
    return await new GraphReader(redis, { keyTag }).read((graph) => (way === null ? show(graph) : find(graph, way)));
  } catch (error) {
    // An error loses its class when it crosses threads, so a Failure is sent as data.
    if (!(error instanceof Failure)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}

async function show(graph: PinnedGraph): Promise<WholeGraphAnswer> {
  return { version: graph.version, text: await draw(graph) };
}

async function find(graph: PinnedGraph, { from, to }: { from: string; to: string }): Promise<WholeGraphAnswer> {
  const { version } = graph;
  const network = await networkOf(graph);
  const unknown = [from, to].find((stopId) => !network.has(stopId));
  if (unknown !== undefined) return { missing: `stop ${unknown} in the graph` };
  const found = network.shortestPath(from, to);
  if (found === null) return { missing: `way from ${from} to ${to}` };
  const { minutes, distanceKm, edges: path } = found;
  return { version, text: JSON.stringify({ success: true, version, from, to, minutes, distanceKm, path }) };
}

async function draw(graph: PinnedGraph): Promise<string> {
  const { stopIds, nodes, neighbors } = await graph.content();
  const index = new Map(stopIds.map((stopId, i) => [stopId, i]));
  const edges = neighbors.flatMap((text, from) => {
    const to = new Set((JSON.parse(text) as GraphEdge[]).map(({ toStopId }) => index.get(toStopId)));
    return [...to].filter((node) => node !== undefined).map((node): [number, number] => [from, node]);
  });
  const stops = nodes.map((text) => JSON.parse(text) as GraphNode);
  return JSON.stringify({ success: true, version: graph.version, nodes: stops, edges });
}
