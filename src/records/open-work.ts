import type { Queryable } from '../connections/postgres.ts';

/** What a run has left for its worker slots: vehicles and slices of tables that are planned or under way. */
export async function countOpenWork(database: Queryable, runId: string): Promise<number> {
  const { rows } = await database.query<{ open: number }>(
    `SELECT ((SELECT count(*) FROM vehicle_syncs WHERE run_id = $1 AND state IN ('planned', 'claimed') AND read_id IS NULL)
           + (SELECT count(*) FROM table_slices WHERE run_id = $1 AND state IN ('planned', 'claimed')))::float8 AS open`,
    [runId],
  );
  return rows[0]?.open ?? 0;
}

/** How many worker slots have something to do: never more than the run has work left, whatever number somebody set. */
export async function usefulSlots(database: Queryable, runId: string, workers: number): Promise<number> {
  return Math.min(workers, await countOpenWork(database, runId));
}
