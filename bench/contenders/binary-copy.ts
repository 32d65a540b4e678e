import { performance } from 'node:perf_hooks';
import type pg from 'pg';

/**
 * Writes the file for the limit: PostgreSQL alone reads the same rows from its own file, in its own format and in the order of the index,
 * into the same empty `positions`, without a network, a conversion or a legacy host.
 */
export async function writeBinaryCopy(postgres: pg.Pool): Promise<string> {
  const { rows } = await postgres.query<{ file: string }>(
    `SELECT current_setting('data_directory') || '/bench-positions.copy' AS file`,
  );
  const { file } = rows[0]!;
  // COPY only accepts a partitioned table through a query.
  await postgres.query(
    `COPY (SELECT * FROM positions ORDER BY vehicle_id, time, legacy_id) TO '${file}' (FORMAT binary)`,
  );
  return file;
}

/** Returns how many milliseconds it took. */
export async function readBinaryCopy(postgres: pg.Pool, file: string): Promise<number> {
  await postgres.query('TRUNCATE positions');
  const startedAt = performance.now();
  await postgres.query(`COPY positions FROM '${file}' (FORMAT binary)`);
  return performance.now() - startedAt;
}
