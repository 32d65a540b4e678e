import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';
import type { DataProcessed } from '../workflows/transport-graph/messages.ts';

/** Number of rows in each set. */
export interface SetCounts {
  stops: number;
  routes: number;
  flights: number;
}

/**
 * SQL condition over `datasets`: the dataset waits for an operator. Approving keeps the state `held` until a sync takes the content, hence
 * the second half.
 */
export const HELD = `state = 'held' AND decided_at IS NULL`;

/** Datasets that wait for an operator, the oldest first. */
export async function heldDatasets(database: Queryable): Promise<{ version: string; reason: string }[]> {
  const { rows } = await database.query<{ version: string; reason: string }>(
    `SELECT version::text, held_reason AS reason FROM datasets WHERE ${HELD} ORDER BY datasets.version`,
  );
  return rows;
}

export async function countHeldDatasets(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ count: number }>(`SELECT count(*)::int FROM datasets WHERE ${HELD}`);
  return rows[0]!.count;
}

export interface ActiveDataset {
  version: string;
  decidedBy: string | null;
  /** The stop to which missing cities were joined; null: they were joined directly, or not yet. */
  hubStopId: string | null;
}

/** The newest dataset that was taken, of any source; null before the first. */
export async function activeDataset(database: Queryable): Promise<ActiveDataset | null> {
  const { rows } = await database.query<ActiveDataset>(
    `SELECT version::text, decided_by AS "decidedBy", statistics -> 'virtualEntities' ->> 'hubStopId' AS "hubStopId"
       FROM datasets WHERE state = 'active' ORDER BY datasets.version DESC LIMIT 1`,
  );
  return rows[0] ?? null;
}

/** Version of a source's active dataset. */
export async function activeVersionOf(database: Queryable, source: string): Promise<string | null> {
  const { rows } = await database.query<{ version: string }>(
    `SELECT version::text FROM datasets WHERE source = $1 AND state = 'active'`,
    [source],
  );
  return rows[0]?.version ?? null;
}

export interface KnownDataset extends SetCounts {
  version: string;
  contentSha256: string;
  state: 'active' | 'held' | 'rejected';
  heldReason: string | null;
  decidedBy: string | null;
  decisionReason: string | null;
  decidedAt: Date | null;
}

/** Active, held and rejected datasets of a source that still count, newest first. */
export interface KnownDatasets {
  active: KnownDataset | null;
  /** A held or rejected dataset with this very content. */
  sameContent: KnownDataset | null;
  /** The dataset that an operator approved last, until a newer one is activated. */
  approved: KnownDataset | null;
}

const COLUMNS = `version::text, state, stops, routes, flights, held_reason AS "heldReason", decided_by AS "decidedBy",
  decision_reason AS "decisionReason", decided_at AS "decidedAt"`;

export async function readKnownDatasets(
  database: Queryable,
  source: string,
  contentSha256: string,
): Promise<KnownDatasets> {
  const { rows } = await database.query<KnownDataset>(
    `SELECT ${COLUMNS}, content_sha256 AS "contentSha256" FROM datasets
     WHERE source = $1 AND (state IN ('active', 'held') OR (state = 'rejected' AND content_sha256 = $2))
     ORDER BY datasets.version DESC`,
    [source, contentSha256],
  );
  return {
    active: rows.find(({ state }) => state === 'active') ?? null,
    sameContent: rows.find((row) => row.state !== 'active' && row.contentSha256 === contentSha256) ?? null,
    approved: rows.find(({ state, decidedAt }) => state === 'held' && decidedAt !== null) ?? null,
  };
}

export interface DatasetRow extends SetCounts {
  version: string;
  source: string;
  state: string;
  heldReason: string | null;
  decidedBy: string | null;
  decisionReason: string | null;
  decidedAt: Date | null;
  createdAt: Date;
}

const ROW = `${COLUMNS}, source, created_at AS "createdAt"`;

export interface DatasetPage {
  limit: number;
  /** Only versions below this one; null begins with the latest. */
  before: string | null;
  state: string | null;
}

/** Lists the latest datasets first. */
export async function listDatasets(database: Queryable, { limit, before, state }: DatasetPage): Promise<DatasetRow[]> {
  const { rows } = await database.query<DatasetRow>(
    `SELECT ${ROW} FROM datasets WHERE ($2::bigint IS NULL OR version < $2) AND ($3::text IS NULL OR state = $3)
      ORDER BY datasets.version DESC LIMIT $1`,
    [limit, before, state],
  );
  return rows;
}

export async function findDataset(database: Queryable, version: string): Promise<DatasetRow | null> {
  const { rows } = await database.query<DatasetRow>(`SELECT ${ROW} FROM datasets WHERE version = $1`, [version]);
  return rows[0] ?? null;
}

/** Identifies a dataset, without its rows. */
export interface DatasetHead {
  source: string;
  contentSha256: string;
  rawSha256: string;
  /** Of the answers and of how they were read. */
  readingSha256: string;
}

/** The active dataset of a source, if it was made of these very answers, read in this very way. */
export async function datasetOfReading(
  database: Queryable,
  source: string,
  readingSha256: string,
): Promise<KnownDataset | null> {
  const { rows } = await database.query<KnownDataset>(
    `SELECT ${COLUMNS}, content_sha256 AS "contentSha256" FROM datasets
      WHERE source = $1 AND state = 'active' AND reading_sha256 = $2`,
    [source, readingSha256],
  );
  return rows[0] ?? null;
}

/** Other answers had the content of this dataset: the next time they need not be read to know that. */
export async function recordReading(database: Queryable, version: string, readingSha256: string): Promise<void> {
  await database.query('UPDATE datasets SET reading_sha256 = $2 WHERE version = $1', [version, readingSha256]);
}

/** Adds content that waits for an operator, and supersedes what waited before it. Returns the new version. */
export async function insertHeldDataset(
  client: pg.PoolClient,
  head: DatasetHead,
  counts: SetCounts,
  reason: string,
): Promise<string> {
  await client.query(`UPDATE datasets SET state = 'superseded' WHERE source = $1 AND ${HELD}`, [head.source]);
  const { rows } = await client.query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights, held_reason)
     VALUES ($1, $2, $3, 'held', $4, $5, $6, $7) RETURNING version::text`,
    [head.source, head.contentSha256, head.rawSha256, counts.stops, counts.routes, counts.flights, reason],
  );
  return rows[0]!.version;
}

export interface NewDataset extends DatasetHead {
  counts: SetCounts;
  /** The held dataset whose approval lets this one in. */
  approval: KnownDataset | null;
  /** Where the backup will be stored; null: backups are off. */
  backupKey: string | null;
}

/** Adds content that is taken, and supersedes what was active or held: a held dataset no longer matters once newer content was taken. */
export async function insertActiveDataset(client: pg.PoolClient, dataset: NewDataset): Promise<string> {
  const { source, contentSha256, rawSha256, readingSha256, counts, approval, backupKey } = dataset;
  await client.query(`UPDATE datasets SET state = 'superseded' WHERE source = $1 AND state IN ('active', 'held')`, [
    source,
  ]);
  const { rows } = await client.query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights,
                           decided_by, decision_reason, decided_at, backup_status, backup_key, reading_sha256)
     VALUES ($1, $2, $3, 'active', $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING version::text`,
    [
      source,
      contentSha256,
      rawSha256,
      counts.stops,
      counts.routes,
      counts.flights,
      approval?.decidedBy ?? null,
      approval?.decisionReason ?? null,
      approval?.decidedAt ?? null,
      backupKey === null ? 'off' : 'pending',
      backupKey,
      readingSha256,
    ],
  );
  return rows[0]!.version;
}

/** Records how many rows were changed when the dataset was taken. */
export async function recordChanges(database: Queryable, version: string, counts: DataProcessed): Promise<void> {
  await database.query('UPDATE datasets SET added = $2, updated = $3, deleted = $4 WHERE version = $1', [
    version,
    counts.added,
    counts.updated,
    counts.deleted,
  ]);
}

/** Records the report on the dataset's graph, valid or not: an invalid graph has no row of its own. */
export async function recordGraphReport(database: Queryable, version: string, report: object): Promise<void> {
  await database.query(
    `UPDATE datasets SET statistics = statistics || jsonb_build_object('graph', $2::jsonb) WHERE version = $1`,
    [version, JSON.stringify(report)],
  );
}

/** How many virtual entities there are. */
export async function countVirtualEntities(database: Queryable): Promise<SetCounts> {
  const { rows } = await database.query<SetCounts>(
    `SELECT (SELECT count(*) FROM virtual_stops)::int AS stops, (SELECT count(*) FROM virtual_routes)::int AS routes,
            (SELECT count(*) FROM flights WHERE is_virtual)::int AS flights`,
  );
  return rows[0]!;
}

/** What was generated for a dataset, and how many virtual entities there are now. */
export async function recordVirtualEntities(database: Queryable, version: string, made: object): Promise<void> {
  await database.query(
    `UPDATE datasets SET statistics = statistics || jsonb_build_object('virtualEntities', $2::jsonb || jsonb_build_object('generatedAt', now()))
     WHERE version = $1`,
    [version, JSON.stringify(made)],
  );
}
