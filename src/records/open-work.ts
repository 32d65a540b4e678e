import type { Queryable } from '../connections/postgres.ts';

type WorkState = 'planned' | 'claimed' | 'settled';

/** The rows that are work of a run, in these states. A vehicle that is read with its table is no work: its slices are. */
function rowsOf(runId: string, states: readonly WorkState[]): { vehicles: string; slices: string } {
  const ofRun = `run_id = ${runId} AND state IN (${states.map((state) => `'${state}'`).join(', ')})`;
  return {
    vehicles: `FROM vehicle_syncs WHERE ${ofRun} AND read_id IS NULL`,
    slices: `FROM table_slices WHERE ${ofRun}`,
  };
}

/** SQL of the work of a run: the vehicles and slices that its worker slots claim, in these states. `runId` is an SQL expression. */
export function workOf(runId: string, ...states: WorkState[]): string {
  const { vehicles, slices } = rowsOf(runId, states);
  return `SELECT server_id, 'vehicle' AS unit, status, planned_rows, rows_capped, rows, claimed_at, settled_at ${vehicles}
          UNION ALL SELECT server_id, 'slice', status, planned_rows, false, rows, claimed_at, settled_at ${slices}`;
}

/** What a run has left for its worker slots: vehicles and slices of tables that are planned or under way. */
export async function countOpenWork(database: Queryable, runId: string): Promise<number> {
  const { vehicles, slices } = rowsOf('$1', ['planned', 'claimed']);
  // Asked at each claim. Two counts cost PostgreSQL a third less than one of the UNION, whose columns it would compute.
  const { rows } = await database.query<{ open: number }>(
    `SELECT ((SELECT count(*) ${vehicles}) + (SELECT count(*) ${slices}))::float8 AS open`,
    [runId],
  );
  return rows[0]?.open ?? 0;
}

/** How many worker slots have something to do: never more than the run has work left, whatever number somebody set. */
export async function usefulSlots(database: Queryable, runId: string, workers: number): Promise<number> {
  return Math.min(workers, await countOpenWork(database, runId));
}
