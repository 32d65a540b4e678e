import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { StoredContent } from '../../../connections/graph-store.ts';
import type { ObjectStore } from '../../../connections/object-store.ts';
import { contentSum } from '../../../graph/graph-content.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { type GraphRecord, selectGraphs } from './graph-record.ts';

/** Named by content: a second backup of the same graph is the same object. */
const keyOf = (sha256: string): string => `graphs/${sha256}.json.gz`;

/** Copies a graph to the object store. Never fails the build: what went wrong is a warning, stands in the row and is tried again. */
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
    await pool.query(`UPDATE graphs SET backup_status = 'done', backup_key = $2 WHERE id = $1`, [graph.id, key]);
  } catch (error) {
    log.warn(`The graph is live without a backup, which is tried again: ${error}`, { version: graph.version });
    await pool.query(`UPDATE graphs SET backup_status = 'failed', backup_tried_at = now() WHERE id = $1`, [graph.id]);
  }
}

/** null when there is none, or it cannot be read. The caller proves it by its sum. */
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
 * Makes up for backups that failed, that a killed worker never began, or that were off when the active graph was built; from what Redis
 * holds, every `backup.sweep_ms`.
 */
export async function sweepGraphBackups(deps: GraphBuilderDependencies): Promise<void> {
  const context = await openContext(deps);
  const { settings, pool, store } = context;
  if (!settings.backupEnabled) return;
  const due = await selectGraphs(
    pool,
    `WHERE ((state = 'active' AND backup_status <> 'done') OR (state = 'retired' AND backup_status = 'failed'))
       AND greatest(activated_at, backup_tried_at) < now() - $1 * interval '1 ms' ORDER BY id`,
    [settings.backupSweepMs],
  );
  for (const graph of due) {
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
