import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { StoredContent } from '../../../graph-store/stored-content.ts';
import type { ObjectStore } from '../../../connections/object-store.ts';
import { contentSum } from '../../../graph/graph-content.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { type GraphRecord, graphsToBackUp, recordGraphBackup } from '../../../records/graphs.ts';

/** The name comes from the content, so a second backup of the same graph is the same object. */
const keyOf = (sha256: string): string => `graphs/${sha256}.json.gz`;

/** Copies a graph to the object store. It never fails the build: a failure is logged as a warning, noted in the row and tried again later. */
export async function backUpGraph(
  context: GraphBuilderContext,
  graph: Pick<GraphRecord, 'id' | 'version' | 'content_sha256'>,
  { stopIds, nodes, neighbors }: StoredContent,
): Promise<void> {
  const { settings, pool, log } = context;
  if (!settings.backupEnabled) return;
  const key = settings.backupPrefix + keyOf(graph.content_sha256);
  try {
    const body = await promisify(gzip)(JSON.stringify({ stopIds, nodes, neighbors }));
    await withBackupStore(context, (store) => store.putOnce(key, body, 'application/gzip'));
    await recordGraphBackup(pool, graph.id, key);
  } catch (error) {
    log.warn(`The graph is live without a backup, which is tried again: ${error}`, { version: graph.version });
    await recordGraphBackup(pool, graph.id, null);
  }
}

/** null when there is no backup, or it cannot be read. The caller checks the content against its sum. */
export async function readGraphBackup(context: GraphBuilderContext, graph: GraphRecord): Promise<StoredContent | null> {
  const { backup_key: key, version } = graph;
  if (!context.settings.backupEnabled || key === null) return null;
  try {
    const bytes = await withBackupStore(context, (store) => store.get(key));
    return bytes === null ? null : (JSON.parse((await promisify(gunzip)(bytes)).toString()) as StoredContent);
  } catch (error) {
    context.log.warn(`The backup of the graph cannot be read: ${error}`, { version });
    return null;
  }
}

/**
 * Makes missing backups from what Redis holds, every `backup.sweep_ms`. A backup is missing when it failed, when a killed worker never
 * began it, or when backups were off while the active graph was built.
 */
export async function sweepGraphBackups(deps: GraphBuilderDependencies): Promise<void> {
  const context = await openContext(deps);
  const { settings, pool, store } = context;
  if (!settings.backupEnabled) return;
  for (const graph of await graphsToBackUp(pool, settings.backupSweepMs)) {
    const content = await store.read(graph.version);
    if (content !== null && contentSum(content) === graph.content_sha256) await backUpGraph(context, graph, content);
  }
}

async function withBackupStore<T>(
  { settings, openBackupStore }: GraphBuilderContext,
  work: (store: ObjectStore) => Promise<T>,
): Promise<T> {
  const store = await openBackupStore(settings);
  try {
    return await work(store);
  } finally {
    store.close();
  }
}
