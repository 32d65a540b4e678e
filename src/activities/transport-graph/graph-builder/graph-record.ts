import type pg from 'pg';
import type { Queryable } from '../../../connections/postgres.ts';

export type GraphState = 'building' | 'activating' | 'active' | 'retired' | 'deleted' | 'failed';

/** A row of `graphs`. */
export interface GraphRecord {
  id: string;
  version: string;
  dataset_version: string;
  fingerprint: string;
  state: GraphState;
  nodes: number;
  edges: number;
  content_sha256: string;
  previous_version: string | null;
  backup_key: string | null;
  activated_at: Date | null;
  expired: boolean;
}

const COLUMNS = `id, version, dataset_version, fingerprint, state, nodes, edges, content_sha256, previous_version, backup_key,
  activated_at, coalesce(lease_until < now(), true) AS expired`;

export async function selectGraphs(database: Queryable, rest: string, values: unknown[] = []): Promise<GraphRecord[]> {
  const { rows } = await database.query<GraphRecord>(`SELECT ${COLUMNS} FROM graphs ${rest}`, values);
  return rows;
}

/** The graph that readers are meant to have; null before the first. */
export async function activeGraph(database: Queryable): Promise<GraphRecord | null> {
  return (await selectGraphs(database, `WHERE state = 'active'`))[0] ?? null;
}

/** The last graph that went live, whether or not it was rolled back since. */
export async function lastBuiltGraph(database: Queryable): Promise<GraphRecord | null> {
  return (
    (await selectGraphs(database, `WHERE state IN ('active', 'retired', 'deleted') ORDER BY id DESC LIMIT 1`))[0] ??
    null
  );
}

export interface NewGraph {
  datasetVersion: string;
  fingerprint: string;
  nodes: number;
  edges: number;
  sha256: string;
  leaseMs: number;
}

/**
 * Adds the row of a build. `taken` are versions that Redis knows: after a database was made anew, its numbers would begin again, and a
 * build would write into a version that readers still have.
 */
export async function insertGraph(client: pg.PoolClient, graph: NewGraph, taken: string[]): Promise<GraphRecord> {
  const highest = Math.max(0, ...taken.map((version) => Number(/^graph-v(\d+)$/.exec(version)?.[1] ?? 0)));
  await client.query(
    `SELECT setval(name, $1) FROM (SELECT pg_get_serial_sequence('graphs', 'id') AS name) s
     WHERE $1 > coalesce(pg_sequence_last_value(name::regclass), 0) AND $1 >= 1000000001`,
    [highest],
  );
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO graphs (dataset_version, fingerprint, state, nodes, edges, content_sha256, lease_until)
     VALUES ($1, $2, 'building', $3, $4, $5, now() + $6 * interval '1 ms') RETURNING id`,
    [graph.datasetVersion, graph.fingerprint, graph.nodes, graph.edges, graph.sha256, graph.leaseMs],
  );
  return (await selectGraphs(client, 'WHERE id = $1', [rows[0]!.id]))[0]!;
}

/** Moves a build to the switch. False when it is no longer ours: its lease ran out and it was swept. */
export async function markActivating(
  database: Queryable,
  id: string,
  from: GraphState,
  leaseMs: number,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE graphs SET state = 'activating', lease_until = now() + $3 * interval '1 ms' WHERE id = $1 AND state = $2`,
    [id, from, leaseMs],
  );
  return rowCount === 1;
}
