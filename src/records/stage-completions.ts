import type { Queryable } from '../connections/postgres.ts';

/** One completion of a stage: `fingerprint` names the inputs that it was complete for. */
export interface StageCompletion {
  workerId: string;
  fingerprint: string;
}

/** Notes a completion, in the transaction of what was made, and forgets those of this stage that are older than a month. */
export async function recordCompletion(database: Queryable, { workerId, fingerprint }: StageCompletion): Promise<void> {
  await database.query(
    `INSERT INTO stage_completions (worker_id, fingerprint) VALUES ($1, $2)
     ON CONFLICT (worker_id, fingerprint) DO UPDATE SET completed_at = now()`,
    [workerId, fingerprint],
  );
  await database.query(
    `DELETE FROM stage_completions WHERE worker_id = $1 AND completed_at < now() - interval '30 days'`,
    [workerId],
  );
}

/** Whether the stage was completed for these inputs before. */
export async function isCompleted(database: Queryable, { workerId, fingerprint }: StageCompletion): Promise<boolean> {
  const { rows } = await database.query('SELECT FROM stage_completions WHERE worker_id = $1 AND fingerprint = $2', [
    workerId,
    fingerprint,
  ]);
  return rows.length > 0;
}
