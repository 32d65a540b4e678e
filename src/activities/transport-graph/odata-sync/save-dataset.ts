import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { insertBackup } from '../../../records/dataset-backups.ts';
import {
  type DatasetHead,
  type KnownDataset,
  activeVersionOf,
  insertActiveDataset,
  recordChanges,
} from '../../../records/datasets.ts';
import { writeStoredSets } from '../../../records/network-sets.ts';
import type { DataProcessed } from '../../../workflows/transport-graph/messages.ts';
import { flightValues, routeValues, stopValues } from './dataset-content.ts';
import { type MergeTarget, mergeSet } from './merge-set.ts';
import { type Network, countsOf } from './network-set.ts';

export interface SaveRequest extends DatasetHead {
  network: Network;
  /** Version of the active dataset that this one was compared with; null: there was none. */
  comparedWith: string | null;
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
      await writeStoredSets(client, { version, contentSha256: request.contentSha256 }, request.network);
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
  if ((await activeVersionOf(client, source)) === comparedWith) return;
  throw new Failure(
    'AlreadyRunning',
    `Saving the dataset: another sync of ${source} saved one in the meantime. It is tried again.`,
  );
}

async function insertDataset(client: pg.PoolClient, request: SaveRequest): Promise<string> {
  const { source, contentSha256, rawSha256, readingSha256, network, approval, backup } = request;
  const head = { source, contentSha256, rawSha256, readingSha256 };
  const counts = countsOf(network);
  const version = await insertActiveDataset(client, { ...head, counts, approval, backupKey: backup?.key ?? null });
  if (backup !== null) await insertBackup(client, version, backup.body);
  return version;
}

async function mergeSets(client: pg.PoolClient, request: SaveRequest, version: string): Promise<DataProcessed> {
  const { network, batchSize, signal } = request;
  const { stops, routes, flights } = network;
  const into = { datasetVersion: version, batchSize };
  const merges = [
    () => mergeSet(client, STOPS, { set: stops, values: stopValues }, into),
    () => mergeSet(client, ROUTES, { set: routes, values: routeValues }, into),
    () => mergeSet(client, FLIGHTS, { set: flights, values: flightValues }, into),
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
