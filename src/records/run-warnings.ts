import type { Queryable } from '../connections/postgres.ts';

/** What a run found of a server that fails no vehicle and that somebody has to look at; an element of `sync_runs.warnings`. */
export interface RunWarning {
  serverId: string;
  /** A sentence. */
  found: string;
}

/** Says these in a run's row, beside what is said there; each once. */
export async function warnRun(database: Queryable, runId: string, warnings: readonly RunWarning[]): Promise<void> {
  await database.query(
    `UPDATE sync_runs SET warnings =
       (SELECT coalesce(jsonb_agg(DISTINCT said), '[]') FROM jsonb_array_elements(warnings || $2::jsonb) AS said) WHERE run_id = $1`,
    [runId, JSON.stringify(warnings)],
  );
}
