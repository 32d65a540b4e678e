import { WorkerPoolManager, createProgressStore, openTemporal } from 'fleetgraph/client';
import { DatabaseConfig, RedisConfig } from 'fleetgraph/config';
import { type GraphNode, GraphReader } from 'fleetgraph/graph-reader';

const redis = RedisConfig.getClient();
const ids: string[] = await new GraphReader(redis).read((graph) => graph.stopIds());
const first: GraphNode | null = await new GraphReader(redis).read((graph) => graph.node(ids.toSorted()[0]!));
console.log(`${ids.length > 0 ? 'a graph' : 'no graph'} with ${first?.stopId}`);
const { client: temporal, close } = await openTemporal();
const fleet = new WorkerPoolManager({ temporal, postgres: DatabaseConfig.getPool(), progress: createProgressStore(redis) });
const { maxWorkers } = await fleet.getConfig();
console.log(`a fleet of at most ${maxWorkers} workers`);
await close();
