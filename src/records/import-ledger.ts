import type { Queryable } from '../connections/postgres.ts';

/** Rows that a run has imported per step of time. Steps without an import are left out. */
export async function readThroughput(
  database: Queryable,
  runId: string,
  stepSeconds: number,
): Promise<{ at: Date; rows: number; bytes: number }[]> {
  const { rows } = await database.query<{ at: Date; rows: number; bytes: number }>(
    `SELECT to_timestamp(floor(extract(epoch FROM committed_at) / $2) * $2) AS at, sum(rows)::float8 AS rows, sum(bytes)::float8 AS bytes
       FROM import_ledger WHERE run_id = $1 GROUP BY 1 ORDER BY 1`,
    [runId, stepSeconds],
  );
  return rows;
}
