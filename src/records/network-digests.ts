import type { Queryable } from '../connections/postgres.ts';

/** Digests of buckets of rows, by set. src/activities/transport-graph/odata-sync/dataset-content.ts says how they are made. */
export interface NetworkDigests {
  stops: Buffer;
  routes: Buffer;
  flights: Buffer;
}

/** Of what the tables hold, when that is this dataset with this content; else null. */
export async function readNetworkDigests(
  database: Queryable,
  datasetVersion: string,
  contentSha256: string,
): Promise<NetworkDigests | null> {
  const { rows } = await database.query<NetworkDigests>(
    'SELECT stops, routes, flights FROM network_digests WHERE dataset_version = $1 AND content_sha256 = $2',
    [datasetVersion, contentSha256],
  );
  return rows[0] ?? null;
}

/** Call it in the transaction that changes the tables. */
export async function writeNetworkDigests(
  database: Queryable,
  datasetVersion: string,
  contentSha256: string,
  { stops, routes, flights }: NetworkDigests,
): Promise<void> {
  await database.query(
    `INSERT INTO network_digests (dataset_version, content_sha256, stops, routes, flights) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (one_row) DO UPDATE SET dataset_version = EXCLUDED.dataset_version, content_sha256 = EXCLUDED.content_sha256,
       stops = EXCLUDED.stops, routes = EXCLUDED.routes, flights = EXCLUDED.flights`,
    [datasetVersion, contentSha256, stops, routes, flights],
  );
}
