import type pg from 'pg';
import { inTransaction } from '../../../connections/postgres.ts';
import type { DatasetRows } from './dataset-rows.ts';
import type { DatasetHead } from './save-dataset.ts';

/** Records content that waits for an operator; one that waited before it, undecided, is superseded. Returns its version. */
export function holdDataset(pool: pg.Pool, head: DatasetHead, rows: DatasetRows, reason: string): Promise<string> {
  return inTransaction(pool, async (client) => {
    await client.query(
      `UPDATE datasets SET state = 'superseded' WHERE source = $1 AND state = 'held' AND decided_at IS NULL`,
      [head.source],
    );
    const { rows: inserted } = await client.query<{ version: string }>(
      `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights, held_reason)
       VALUES ($1, $2, $3, 'held', $4, $5, $6, $7) RETURNING version::text`,
      [
        head.source,
        head.contentSha256,
        head.rawSha256,
        rows.stops.length,
        rows.routes.length,
        rows.flights.length,
        reason,
      ],
    );
    return inserted[0]!.version;
  });
}
