import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { mayEvictGraph } from '../../../connections/redis-memory.ts';
import type { StageActivities, StageOutcome } from '../../../workflows/transport-graph/activities.ts';
import { GRAPH_BUILDER } from '../../../workflows/transport-graph/messages.ts';
import { heartbeating } from '../../heartbeating.ts';
import { activateGraph } from './activate-graph.ts';
import { type ConstructedGraph, constructGraph } from './construct-graph.ts';
import { describeChange } from './describe-change.ts';
import { backUpGraph } from './graph-backup.ts';
import { type GraphBuilderContext, type GraphBuilderDependencies, openContext } from './graph-builder-context.ts';
import { type GraphRecord, recordReport } from '../../../records/graphs.ts';
import { refuseEviction } from './load-verified.ts';
import { maintain } from './maintain-graphs.ts';

/** The end of the run's message while the settings allow a Redis that may evict the graph. */
const DEGRADED = ' (degraded: Redis may evict it)';
const NOTHING = { added: 0, updated: 0, deleted: 0 };

/**
 * The stage `graph-builder`: one snapshot of PostgreSQL becomes a graph in Redis, and readers are switched to it in one step.
 * Errors: GraphNoData, GraphInvalid (nothing is saved), GraphSuperseded, RedisEvictsGraph and the other Redis failures, DatabaseUnavailable.
 */
export function createBuildGraph(deps: GraphBuilderDependencies): StageActivities['buildGraph'] {
  return ({ force }) =>
    namingDatabaseFailures('Building the graph', () =>
      heartbeating(
        deps.heartbeat,
        () => ({ worker: GRAPH_BUILDER }),
        async () => build(await openContext(deps), force),
      ),
    );
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

/** The graph is live, so nothing in here may fail the stage. */
async function finish(
  context: GraphBuilderContext,
  graph: GraphRecord,
  { content, report, active }: ConstructedGraph,
  version: string | null,
): Promise<void> {
  try {
    const sha256 = active?.version === version ? active?.content_sha256 : null;
    const diff = await describeChange(context, { version, sha256: sha256 ?? null }, content);
    await recordReport(context.pool, graph.id, { ...report, diff });
    await backUpGraph(context, graph, content);
  } catch (error) {
    context.log.warn(`The graph is live; its report or backup is missing (${error}): ${graph.version}`);
  }
}
