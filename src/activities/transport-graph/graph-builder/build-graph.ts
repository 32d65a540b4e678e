import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { mayEvictGraph } from '../../../connections/redis-memory.ts';
import type { StageActivities, StageOutcome } from '../../../workflows/transport-graph/activities.ts';
import { GRAPH_BUILDER } from '../../../workflows/transport-graph/messages.ts';
import { activateGraph } from './activate-graph.ts';
import { type ConstructedGraph, constructGraph } from './construct-graph.ts';
import { describeChange } from './describe-change.ts';
import { backUpGraph } from './graph-backup.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import type { GraphRecord } from './graph-record.ts';
import { refuseEviction } from './load-verified.ts';
import { maintain } from './maintain-graphs.ts';

/** In the run's message, for as long as the setting allows it. */
const DEGRADED = ' (degraded: Redis may evict it)';
const NOTHING = { added: 0, updated: 0, deleted: 0 };
/** Three times within the activity's heartbeat timeout of 10 s. */
const HEARTBEAT_MS = 3_000;

/**
 * The stage `graph-builder`: one snapshot of PostgreSQL becomes a graph in Redis, and readers are switched to it in one step.
 * Errors: GraphNoData, GraphInvalid (nothing is saved), GraphSuperseded, RedisEvictsGraph and the other Redis failures, DatabaseUnavailable.
 */
export function createBuildGraph(deps: GraphBuilderDependencies): StageActivities['buildGraph'] {
  return ({ force }) =>
    namingDatabaseFailures('Building the graph', async () => {
      const beat = setInterval(() => deps.heartbeat({ worker: GRAPH_BUILDER }), HEARTBEAT_MS);
      try {
        return await build(await openContext(deps), force);
      } finally {
        clearInterval(beat);
      }
    });
}

async function build(context: GraphBuilderContext, force: boolean): Promise<StageOutcome> {
  const { policy } = await refuseEviction(context);
  const degraded = mayEvictGraph({ policy });
  await maintain(context);
  const expected = await context.store.pointer();
  const constructed = await constructGraph(context, { force });
  if (constructed.kind === 'built') return alreadyBuilt(context, constructed.graph, degraded);
  const { nodes, edges } = constructed.report;
  context.log.info(`Step 2: Built and validated: ${nodes} nodes, ${edges} edges`);
  if (degraded) noteEviction(constructed, policy);
  const { kind, graph } = await activateGraph(context, constructed, expected);
  if (kind === 'beaten') return alreadyBuilt(context, graph, degraded);
  await finish(context, graph, constructed, expected);
  const message = `Graph built successfully: ${nodes} nodes, ${edges} edges${degraded ? DEGRADED : ''}`;
  context.log.info(`Worker finished: ${message}`);
  const { datasetVersion } = constructed.identity;
  return { status: 'success', message, datasetVersion, dataProcessed: { ...NOTHING, added: nodes + edges } };
}

function alreadyBuilt({ log }: GraphBuilderContext, graph: GraphRecord, degraded: boolean): StageOutcome {
  const message = `Graph exists for dataset ${graph.dataset_version}: ${graph.version}${degraded ? DEGRADED : ''}`;
  log.info(`Worker finished: ${message}`);
  return { status: 'skipped', message, datasetVersion: graph.dataset_version, dataProcessed: { ...NOTHING } };
}

function noteEviction({ report }: ConstructedGraph, policy: string): void {
  const message = `Redis may evict the graph (maxmemory-policy ${policy}), which the settings allow`;
  report.issues.push({ code: 'eviction-allowed', severity: 'warning', count: 1, message, samples: [] });
}

/** The graph is live; nothing from here on may fail the stage. */
async function finish(
  context: GraphBuilderContext,
  graph: GraphRecord,
  { content, report }: ConstructedGraph,
  previous: string | null,
): Promise<void> {
  try {
    const diff = await describeChange(context, previous, content);
    await context.pool.query('UPDATE graphs SET report = $2 WHERE id = $1', [
      graph.id,
      JSON.stringify({ ...report, diff }),
    ]);
    await backUpGraph(context, graph, content);
  } catch (error) {
    context.log.warn(`The graph is live; its report or backup is missing (${error}): ${graph.version}`);
  }
}
