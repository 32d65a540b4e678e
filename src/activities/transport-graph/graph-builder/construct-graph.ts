import type pg from 'pg';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { describeErrors } from '../../../graph/describe-report.ts';
import { type GraphContent, graphContent } from '../../../graph/graph-content.ts';
import type { GraphReport } from '../../../graph/graph-report.ts';
import type { GraphRows } from '../../../graph/graph-rows.ts';
import { buildTransportGraph } from '../../../graph/transport-graph.ts';
import { validateGraph } from '../../../graph/validate-graph.ts';
import type { GraphBuilderContext } from './graph-builder-context.ts';
import { type GraphIdentity, readIdentity } from './graph-identity.ts';
import { recordGraphReport } from '../../../records/datasets.ts';
import { type GraphRecord, activeGraph, lastBuiltGraph } from '../../../records/graphs.ts';
import { beginSnapshot, readGraphRows } from './read-graph-rows.ts';

export interface ConstructedGraph {
  identity: GraphIdentity;
  content: GraphContent;
  report: GraphReport;
  active: GraphRecord | null;
}

/** `built`: a graph of these very rows exists already. */
export type Construction = { kind: 'built'; graph: GraphRecord } | ({ kind: 'new' } & ConstructedGraph);

/**
 * Reads one snapshot of the network and makes a valid graph of it, in memory. The report is kept with the dataset whether the graph is
 * valid or not.
 * Errors: GraphNoData, GraphInvalid.
 */
export async function constructGraph(
  context: GraphBuilderContext,
  { force }: { force: boolean },
): Promise<Construction> {
  const read = await inTransaction(context.pool, (client) => readSnapshot(context, client, force));
  if (read.kind === 'built') return read;
  const { identity, active, rows } = read;
  context.heartbeat({ building: identity.datasetVersion });
  const graph = buildTransportGraph(rows);
  const report = validateGraph({
    graph,
    orphanFlights: rows.orphanFlights,
    horizonDays: rows.horizonDays,
    active,
    maxShrinkPercent: context.settings.graphShrinkPercent,
    oneWayStops: context.settings.oneWayStops,
    hubStopId: identity.hubStopId,
    shrinkApprovedBy: identity.approvedBy,
  });
  const { datasetVersion, fingerprint } = identity;
  await recordGraphReport(context.pool, datasetVersion, {
    checkedAt: new Date().toISOString(),
    fingerprint,
    ...report,
  });
  if (!report.valid) {
    throw new Failure(
      'GraphInvalid',
      `The graph of dataset ${identity.datasetVersion} is not valid; nothing was saved. ${describeErrors(report)}`,
    );
  }
  return { kind: 'new', identity, active, report, content: graphContent(graph) };
}

type Snapshot =
  | { kind: 'built'; graph: GraphRecord }
  | { kind: 'new'; identity: GraphIdentity; active: GraphRecord | null; rows: GraphRows };

async function readSnapshot(context: GraphBuilderContext, client: pg.PoolClient, force: boolean): Promise<Snapshot> {
  await beginSnapshot(client);
  const identity = await readIdentity(client);
  if (identity === null) {
    throw new Failure('GraphNoData', 'Building the graph: there is no active dataset. Run odata-sync-worker first.');
  }
  const [active, last] = [await activeGraph(client), await lastBuiltGraph(client)];
  // Compare with the graph built last, not with the active one: a graph from which an operator rolled back must not come back by itself.
  if (!force && active !== null && last?.fingerprint === identity.fingerprint) return { kind: 'built', graph: last };
  context.log.info('Step 1: Loading stops, routes and flights...');
  return { kind: 'new', identity, active, rows: await readGraphRows(client) };
}
