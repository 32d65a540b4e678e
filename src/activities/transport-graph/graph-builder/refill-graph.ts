import { inTransaction } from '../../../connections/postgres.ts';
import type { StoredContent } from '../../../graph-store/stored-content.ts';
import { contentSum, graphContent } from '../../../graph/graph-content.ts';
import { buildTransportGraph } from '../../../graph/transport-graph.ts';
import { activateGraph } from './activate-graph.ts';
import { readGraphBackup } from './graph-backup.ts';
import { constructGraph } from './construct-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { readIdentity } from './graph-identity.ts';
import { type GraphRecord, activeGraph, isSwitchUnderWay } from '../../../records/graphs.ts';
import { loadVerified } from './load-verified.ts';
import { beginSnapshot, readGraphRows } from './read-graph-rows.ts';

export type RefillResult = 'no-graph' | 'whole' | 'repointed' | 'refilled' | 'rebuilt';

/**
 * Makes readers find the active graph. Sends them back to it, or loads it again when Redis lost it: from PostgreSQL, else from the backup.
 * When neither has that very graph any more, builds one from the present rows. Cheap enough to call every minute.
 */
export async function ensureGraphInRedis(context: GraphBuilderContext): Promise<RefillResult> {
  const { pool, store, log } = context;
  const active = await activeGraph(pool);
  if (active === null) return 'no-graph';
  // A switch is under way. Its builder finishes it, or reconciling does.
  if (await isSwitchUnderWay(pool)) return 'whole';
  const pointer = await store.pointer();
  const whole = await store.isWhole(active.version, active.nodes);
  if (whole && pointer === active.version) return 'whole';
  if (!whole) {
    log.warn(`Redis has lost the active graph or a part of it; filling it again: ${active.version}`);
    const content = await originalContent(context, active);
    if (content === null) return rebuild(context, pointer);
    const { nodes, edges, content_sha256: sha256, dataset_version: datasetVersion, fingerprint } = active;
    await loadVerified(context, active.version, { nodes, edges, sha256, datasetVersion, fingerprint }, content);
  }
  // `stale` means that a builder has just switched: its graph is newer than the one checked above.
  await store.switchTo(pointer, active.version, active.nodes);
  log.warn(`Readers have the active graph again: ${active.version}`);
  return whole ? 'repointed' : 'refilled';
}

/** The content of exactly that row's graph, checked against its sum; null when it cannot be had any more. */
async function originalContent(context: GraphBuilderContext, graph: GraphRecord): Promise<StoredContent | null> {
  const rows = await inTransaction(context.pool, async (client) => {
    await beginSnapshot(client);
    const identity = await readIdentity(client);
    return identity?.fingerprint === graph.fingerprint ? await readGraphRows(client) : null;
  });
  if (rows !== null) {
    const content = graphContent(buildTransportGraph(rows));
    if (content.sha256 === graph.content_sha256) return content;
  }
  const backup = await readGraphBackup(context, graph);
  return backup !== null && contentSum(backup) === graph.content_sha256 ? backup : null;
}

async function rebuild(context: GraphBuilderContext, pointer: string | null): Promise<RefillResult> {
  context.log.warn(
    'The data has changed since that graph was built, and there is no backup of it; building the present one',
  );
  const constructed = await constructGraph(context, { force: true });
  if (constructed.kind === 'new') await activateGraph(context, constructed, pointer);
  return 'rebuilt';
}
