import type { Redis } from 'ioredis';
import type pg from 'pg';
import { type GraphStore, createGraphStore } from '../../../graph-store/graph-store.ts';
import type { ObjectStore } from '../../../connections/object-store.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageLog } from '../stage-log.ts';

/** What the worker process gives the graph builder. */
export interface GraphBuilderDependencies {
  pool: pg.Pool;
  /** A connection for graphs alone, with a command timeout of seconds because the batches are large. */
  redis: Redis;
  settings: { read(): Promise<TransportGraphSettings> };
  openBackupStore(settings: TransportGraphSettings): Promise<ObjectStore>;
  log: StageLog;
  heartbeat: (details: unknown) => void;
  cancellationSignal: () => AbortSignal;
  /** The fault tests make the builder fail here. */
  faultPoint?: (name: string) => void;
}

/** The dependencies with the settings as they are at the beginning of one piece of work. */
export interface GraphBuilderContext extends Omit<GraphBuilderDependencies, 'settings' | 'redis'> {
  store: GraphStore;
  settings: TransportGraphSettings;
}

export async function openContext(deps: GraphBuilderDependencies): Promise<GraphBuilderContext> {
  const { redis, settings: reader, ...rest } = deps;
  const settings = await reader.read();
  const store = createGraphStore(redis, { keyTag: settings.keyTag, keysPerCommand: settings.loadBatch });
  return { ...rest, settings, store };
}
