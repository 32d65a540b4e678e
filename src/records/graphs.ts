import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';

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
  /** Seconds since the graph last became live. */
  live_seconds: number | null;
}

const COLUMNS = `id, version, dataset_version, fingerprint, state, nodes, edges, content_sha256, previous_version, backup_key,
  activated_at, extract(epoch FROM now() - activated_at)::float8 AS live_seconds`;

async function select(database: Queryable, rest: string, values: unknown[] = []): Promise<GraphRecord[]> {
  const { rows } = await database.query<GraphRecord>(`SELECT ${COLUMNS} FROM graphs ${rest}`, values);
  return rows;
}

/** The graph that readers are meant to get; null before the first. */
export async function activeGraph(database: Queryable): Promise<GraphRecord | null> {
  return (await select(database, `WHERE state = 'active'`))[0] ?? null;
}

/** The graph that went live last, even if it was rolled back since. */
export async function lastBuiltGraph(database: Queryable): Promise<GraphRecord | null> {
  const built = `WHERE state IN ('active', 'retired', 'deleted') ORDER BY id DESC LIMIT 1`;
  return (await select(database, built))[0] ?? null;
}

export async function graphOfVersion(database: Queryable, version: string): Promise<GraphRecord | null> {
  return (await select(database, 'WHERE version = $1', [version]))[0] ?? null;
}

/** Whether a graph is about to become active. Its builder finishes that, or reconciling does. */
export async function isSwitchUnderWay(database: Queryable): Promise<boolean> {
  return (await select(database, `WHERE state = 'activating' LIMIT 1`)).length > 0;
}

/** The retired graph that was live last, or the retired graph of this version; null when there is none. */
export async function retiredGraph(database: Queryable, version: string | null): Promise<GraphRecord | null> {
  const retired = `WHERE state = 'retired' AND ($1::text IS NULL OR version = $1) ORDER BY activated_at DESC LIMIT 1`;
  return (await select(database, retired, [version]))[0] ?? null;
}

/** Builds and switches whose lease ran out, except the version that readers get. */
export function abandonedGraphs(database: Queryable, pointer: string | null): Promise<GraphRecord[]> {
  return select(
    database,
    `WHERE state IN ('building', 'activating') AND coalesce(lease_until < now(), true) AND version IS DISTINCT FROM $1`,
    [pointer],
  );
}

/** Those of the versions that have a row whose keys are to stay. */
export async function knownVersions(database: Queryable, versions: string[]): Promise<Set<string>> {
  const known = await select(database, `WHERE version = ANY($1) AND state NOT IN ('deleted', 'failed')`, [versions]);
  return new Set(known.map(({ version }) => version));
}

/** Locks retired graphs beyond those to keep that no reader can still have pinned. Graphs that another transaction has locked are left out. */
export function lockSurplusGraphs(
  client: pg.PoolClient,
  { versionsKept, graceMs }: { versionsKept: number; graceMs: number },
): Promise<GraphRecord[]> {
  return select(
    client,
    `WHERE state = 'retired' AND retired_at < now() - $2 * interval '1 ms'
       AND id NOT IN (SELECT id FROM graphs WHERE state IN ('active', 'retired')
                      ORDER BY (state = 'active') DESC, activated_at DESC, id DESC LIMIT $1)
     ORDER BY id FOR UPDATE SKIP LOCKED`,
    [versionsKept, graceMs],
  );
}

/** Graphs that lack the backup they should have, and whose last attempt is longer ago than `sweepMs`. */
export function graphsToBackUp(database: Queryable, sweepMs: number): Promise<GraphRecord[]> {
  return select(
    database,
    `WHERE ((state = 'active' AND backup_status <> 'done') OR (state = 'retired' AND backup_status = 'failed'))
       AND greatest(activated_at, backup_tried_at) < now() - $1 * interval '1 ms' ORDER BY id`,
    [sweepMs],
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
 * Adds the row of a build. `taken` are versions that Redis knows. A database that was made anew counts from the beginning, and a build must
 * not write into a version that readers still have.
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
  return (await select(client, 'WHERE id = $1', [rows[0]!.id]))[0]!;
}

/** Ends the row of a build that was never live, with the reason. Its keys are removed by the caller. */
export async function failBuild(database: Queryable, id: string, reason: string): Promise<void> {
  await database.query(
    `UPDATE graphs SET state = 'failed', lease_until = NULL, report = report || jsonb_build_object('failure', $2::text)
      WHERE id = $1 AND state IN ('building', 'activating') AND activated_at IS NULL`,
    [id, reason],
  );
}

/** Lets the next reconciliation settle a build although its lease has not run out: its builder is done with it. */
export async function endLease(database: Queryable, id: string): Promise<void> {
  await database.query(`UPDATE graphs SET lease_until = now() WHERE id = $1 AND state IN ('building', 'activating')`, [
    id,
  ]);
}

/** Builds and switches whose end is not recorded, and the last build when it failed. */
export async function unsettledGraphs(
  database: Queryable,
): Promise<{ version: string; state: GraphState; failure: string | null; settled: boolean }[]> {
  const { rows } = await database.query<{
    version: string;
    state: GraphState;
    failure: string | null;
    settled: boolean;
  }>(
    `SELECT version, state, report ->> 'failure' AS failure, state = 'failed' AS settled FROM graphs
      WHERE state IN ('building', 'activating') OR (state = 'failed' AND id = (SELECT max(id) FROM graphs)) ORDER BY id`,
  );
  return rows;
}

/** Removes the row of a build that was never live. */
export async function deleteBuild(database: Queryable, id: string): Promise<void> {
  await database.query(
    `DELETE FROM graphs WHERE id = $1 AND state IN ('building', 'activating') AND activated_at IS NULL`,
    [id],
  );
}

export async function renewLease(database: Queryable, id: string, leaseMs: number): Promise<void> {
  await database.query(
    `UPDATE graphs SET lease_until = now() + $2 * interval '1 ms' WHERE id = $1 AND state IN ('building', 'activating')`,
    [id, leaseMs],
  );
}

/** Records what the validation found, and how the graph compares with the one before it. */
export async function recordReport(database: Queryable, id: string, report: object): Promise<void> {
  await database.query('UPDATE graphs SET report = $2 WHERE id = $1', [id, JSON.stringify(report)]);
}

/** `key` is where the backup is stored; null: it could not be made and is tried again. */
export async function recordGraphBackup(database: Queryable, id: string, key: string | null): Promise<void> {
  if (key === null) {
    await database.query(`UPDATE graphs SET backup_status = 'failed', backup_tried_at = now() WHERE id = $1`, [id]);
  } else {
    await database.query(`UPDATE graphs SET backup_status = 'done', backup_key = $2 WHERE id = $1`, [id, key]);
  }
}
