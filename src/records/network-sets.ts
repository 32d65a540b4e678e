import type { Queryable } from '../connections/postgres.ts';
import type { SetCounts } from './datasets.ts';

type SetName = keyof SetCounts;

/** What a table of the network holds of the source. */
export interface StoredSet {
  /** SHA-256 of the answers and of all that decides how they are read. */
  readingSha256: string;
  /** SHA-256 of the rows. */
  contentSha256: string;
  rows: number;
  /** Digests of buckets of rows. src/activities/transport-graph/odata-sync/dataset-content.ts says how they are made. */
  digests: Buffer;
}

export type StoredSets = Record<SetName, StoredSet>;

export interface StoredNetwork extends StoredSets {
  datasetVersion: string;
}

/** What the tables hold, when that is the active dataset of this source; else null. */
export async function readStoredNetwork(database: Queryable, source: string): Promise<StoredNetwork | null> {
  const { rows } = await database.query<StoredSet & { name: SetName; datasetVersion: string }>(
    `SELECT set_name AS name, dataset_version::text AS "datasetVersion", network_sets.reading_sha256 AS "readingSha256",
            network_sets.content_sha256 AS "contentSha256", row_count AS rows, digests
       FROM network_sets JOIN datasets ON version = dataset_version AND datasets.content_sha256 = dataset_sha256
      WHERE source = $1 AND state = 'active'`,
    [source],
  );
  const { stops, routes, flights } = Object.fromEntries(rows.map((row) => [row.name, row])) as Partial<StoredSets>;
  if (stops === undefined || routes === undefined || flights === undefined) return null;
  return { datasetVersion: rows[0]!.datasetVersion, stops, routes, flights };
}

/** Call it in the transaction that changes the tables. */
export async function writeStoredSets(
  database: Queryable,
  dataset: { version: string; contentSha256: string },
  { stops, routes, flights }: StoredSets,
): Promise<void> {
  const sets = Object.entries({ stops, routes, flights });
  const column = <T>(read: (set: StoredSet) => T): T[] => sets.map(([, set]) => read(set));
  await database.query(
    `INSERT INTO network_sets (dataset_version, dataset_sha256, set_name, reading_sha256, content_sha256, row_count, digests)
     SELECT $1::bigint, $2::text, * FROM unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::bytea[])
     ON CONFLICT (set_name) DO UPDATE SET dataset_version = EXCLUDED.dataset_version, dataset_sha256 = EXCLUDED.dataset_sha256,
       reading_sha256 = EXCLUDED.reading_sha256, content_sha256 = EXCLUDED.content_sha256, row_count = EXCLUDED.row_count,
       digests = EXCLUDED.digests`,
    [
      dataset.version,
      dataset.contentSha256,
      sets.map(([name]) => name),
      column(({ readingSha256 }) => readingSha256),
      column(({ contentSha256 }) => contentSha256),
      column(({ rows }) => rows),
      column(({ digests }) => digests),
    ],
  );
}
