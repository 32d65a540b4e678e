import { performance } from 'node:perf_hooks';
import type pg from 'pg';

/**
 * The limit: PostgreSQL alone reads the same rows from a file of its own, in its own format and in the order of the index, into the same
 * empty `positions`. No network, no conversion, no legacy host.
 */
export async function writeBinaryCopy(postgres: pg.Pool): Promise<string> {
  const { rows } = await postgres.query<{ file: string }>(
    `SELECT current_setting('data_directory') || '/bench-positions.copy' AS file`,
  );
  const { file } = rows[0]!;
  // A partitioned table can only be copied out through a query.
  await postgres.query(
    `COPY (SELECT * FROM positions ORDER BY vehicle_id, time, legacy_id) TO '${file}' (FORMAT binary)`,
  );
  return file;
}

/** Returns the milliseconds it took. */
export async function readBinaryCopy(postgres: pg.Pool, file: string): Promise<number> {
  await postgres.query('TRUNCATE positions');
  const startedAt = performance.now();
  await postgres.query(`COPY positions FROM '${file}' (FORMAT binary)`);
  return performance.now() - startedAt;
}
