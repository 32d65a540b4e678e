import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { insertBackup } from '../../../records/dataset-backups.ts';
import {
  type DatasetHead,
  type KnownDataset,
  type SetCounts,
  activeVersionOf,
  insertActiveDataset,
  recordChanges,
} from '../../../records/datasets.ts';
import { readNetworkDigests, writeNetworkDigests } from '../../../records/network-digests.ts';
import type { DataProcessed } from '../../../workflows/transport-graph/messages.ts';
import {
  type DatasetContent,
  changedRows,
  digestsOf,
  flightValues,
  routeValues,
  stopValues,
} from './dataset-content.ts';
import { type DatasetRows, countsOf } from './dataset-rows.ts';
import { type MergeTarget, type SetToMerge, mergeSet } from './merge-set.ts';

export interface SaveRequest extends DatasetHead {
  rows: DatasetRows;
  content: DatasetContent;
  /** The active dataset that this one was compared with; null: there was none. */
  comparedWith: KnownDataset | null;
  /** Compares every row with the tables, whatever is known of them. */
  everyRow: boolean;
  /** The held dataset whose approval lets this one in. */
  approval: KnownDataset | null;
  /** The backup waits in PostgreSQL until the object store has it. null: backups are off. */
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
 * Saves rows, dataset version and waiting backup in one transaction.
 * Errors: DatabaseUnavailable, DatabaseDiskFull; AlreadyRunning when another sync came first.
 */
export function saveDataset(pool: pg.Pool, request: SaveRequest): Promise<SavedDataset> {
  return namingDatabaseFailures('Saving the dataset', () =>
    inTransaction(pool, async (client) => {
      await lockSource(client, request);
      const version = await insertDataset(client, request);
      const counts = await mergeSets(client, request, version);
      await writeNetworkDigests(client, version, request.contentSha256, digestsOf(request.content));
      await recordChanges(client, version, counts);
      request.signal.throwIfAborted();
      return { version, counts };
    }),
  );
}

/**
 * Locks the network until the transaction ends, which also works through a connection pooler. Refuses a sync that was compared with a
 * dataset that is no longer the active one.
 */
async function lockSource(client: pg.PoolClient, { source, comparedWith }: SaveRequest): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph transport network', 0))`);
  if ((await activeVersionOf(client, source)) === (comparedWith?.version ?? null)) return;
  throw new Failure(
    'AlreadyRunning',
    `Saving the dataset: another sync of ${source} saved one in the meantime. It is tried again.`,
  );
}

async function insertDataset(client: pg.PoolClient, request: SaveRequest): Promise<string> {
  const { source, contentSha256, rawSha256, readingSha256, rows, approval, backup } = request;
  const head = { source, contentSha256, rawSha256, readingSha256 };
  const counts = countsOf(rows);
  const version = await insertActiveDataset(client, { ...head, counts, approval, backupKey: backup?.key ?? null });
  if (backup !== null) await insertBackup(client, version, backup.body);
  return version;
}

async function mergeSets(client: pg.PoolClient, request: SaveRequest, version: string): Promise<DataProcessed> {
  const { rows, content, comparedWith: known, everyRow, batchSize, signal } = request;
  const digests =
    known === null || everyRow ? null : await readNetworkDigests(client, known.version, known.contentSha256);
  const setOf = <T extends { id: string }>(name: keyof SetCounts, all: T[], values: SetToMerge<T>['values']) => ({
    rows: all,
    values,
    changed: changedRows(all, content[name], digests?.[name]),
    rowsBefore: known?.[name] ?? 0,
  });
  const into = { datasetVersion: version, batchSize };
  const merges = [
    () => mergeSet(client, STOPS, setOf('stops', rows.stops, stopValues), into),
    () => mergeSet(client, ROUTES, setOf('routes', rows.routes, routeValues), into),
    () => mergeSet(client, FLIGHTS, setOf('flights', rows.flights, flightValues), into),
  ];
  const counts: DataProcessed = { added: 0, updated: 0, deleted: 0 };
  for (const merge of merges) {
    signal.throwIfAborted();
    const { added, updated, deleted } = await merge();
    counts.added += added;
    counts.updated += updated;
    counts.deleted += deleted;
  }
  return counts;
}
