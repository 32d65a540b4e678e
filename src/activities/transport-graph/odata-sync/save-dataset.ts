import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { DataProcessed } from '../../../workflows/transport-graph/messages.ts';
import { flightValues, routeValues, stopValues } from './dataset-content.ts';
import type { DatasetRows } from './dataset-rows.ts';
import type { KnownDataset } from './known-datasets.ts';
import { type MergeTarget, mergeSet } from './merge-set.ts';

/** What is about a dataset, beside its rows. */
export interface DatasetHead {
  source: string;
  contentSha256: string;
  rawSha256: string;
}

export interface SaveRequest extends DatasetHead {
  rows: DatasetRows;
  /** The active dataset this one was compared with; null: there was none. */
  comparedWith: string | null;
  /** The held dataset whose approval lets this one in. */
  approval: KnownDataset | null;
  /** Waits in PostgreSQL until the object store has it; null: backups are off. */
  backup: { key: string; body: Buffer } | null;
  batchSize: number;
  signal: AbortSignal;
}

export interface SavedDataset {
  version: string;
  counts: DataProcessed;
}

const STOPS: MergeTarget = {
  table: 'stops',
  columns: ['name', 'city_name', 'latitude', 'longitude'],
  ownRows: 'true',
};
const ROUTES: MergeTarget = {
  table: 'routes',
  columns: ['name', 'from_stop_id', 'to_stop_id', 'transport_type', 'duration_minutes', 'distance_km', 'fare_rub'],
  ownRows: 'true',
};
const FLIGHTS: MergeTarget = {
  table: 'flights',
  columns: ['route_id', 'from_stop_id', 'to_stop_id', 'departure_at', 'arrival_at', 'available_seats'],
  ownRows: 'NOT t.is_virtual',
};

/**
 * Rows, dataset version and the backup under way in one transaction: all of it or nothing.
 * Errors: DatabaseUnavailable, DatabaseDiskFull; AlreadyRunning when another sync came first.
 */
export function saveDataset(pool: pg.Pool, request: SaveRequest): Promise<SavedDataset> {
  return namingDatabaseFailures('Saving the dataset', () =>
    inTransaction(pool, async (client) => {
      await lockSource(client, request);
      const version = await insertDataset(client, request);
      const { rows, batchSize, signal } = request;
      const into = { datasetVersion: version, batchSize };
      const merges = [
        () => mergeSet(client, STOPS, valuesOf(rows.stops, stopValues), into),
        () => mergeSet(client, ROUTES, valuesOf(rows.routes, routeValues), into),
        () => mergeSet(client, FLIGHTS, valuesOf(rows.flights, flightValues), into),
      ];
      const counts: DataProcessed = { added: 0, updated: 0, deleted: 0 };
      for (const merge of merges) {
        signal.throwIfAborted();
        const { added, updated, deleted } = await merge();
        counts.added += added;
        counts.updated += updated;
        counts.deleted += deleted;
      }
      await client.query('UPDATE datasets SET added = $2, updated = $3, deleted = $4 WHERE version = $1', [
        version,
        counts.added,
        counts.updated,
        counts.deleted,
      ]);
      signal.throwIfAborted();
      return { version, counts };
    }),
  );
}

/** Released with the transaction, also through a connection pooler. A sync that was compared with an older dataset is too late. */
async function lockSource(client: pg.PoolClient, { source, comparedWith }: SaveRequest): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph transport network', 0))`);
  const { rows } = await client.query<{ version: string }>(
    `SELECT version::text FROM datasets WHERE source = $1 AND state = 'active'`,
    [source],
  );
  if ((rows[0]?.version ?? null) === comparedWith) return;
  throw new Failure(
    'AlreadyRunning',
    `Saving the dataset: another sync of ${source} saved one in the meantime. It is tried again.`,
  );
}

/** Whatever was active or held is superseded: a held dataset is moot once newer content was taken. */
async function insertDataset(client: pg.PoolClient, request: SaveRequest): Promise<string> {
  const { source, contentSha256, rawSha256, rows, approval, backup } = request;
  await client.query(`UPDATE datasets SET state = 'superseded' WHERE source = $1 AND state IN ('active', 'held')`, [
    source,
  ]);
  const inserted = await client.query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights,
                           decided_by, decision_reason, decided_at, backup_status, backup_key)
     VALUES ($1, $2, $3, 'active', $4, $5, $6, $7, $8, $9, $10, $11) RETURNING version::text`,
    [
      source,
      contentSha256,
      rawSha256,
      rows.stops.length,
      rows.routes.length,
      rows.flights.length,
      approval?.decidedBy ?? null,
      approval?.decisionReason ?? null,
      approval?.decidedAt ?? null,
      backup === null ? 'off' : 'pending',
      backup?.key ?? null,
    ],
  );
  const version = inserted.rows[0]!.version;
  if (backup !== null) {
    await client.query('INSERT INTO dataset_backups (dataset_version, body) VALUES ($1, $2)', [version, backup.body]);
  }
  return version;
}

function* valuesOf<T>(
  rows: T[],
  values: (row: T) => (string | number | null)[],
): Generator<(string | number | null)[]> {
  for (const row of rows) yield values(row);
}
