import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { PlanReconciliationInput } from '../workflows/legacy-sync/activities.ts';
import type { ReconcileSummary } from '../workflows/legacy-sync/messages.ts';
import { isRunId } from './sync-runs.ts';

/** A reconciliation as it stands, with the sums over its vehicles. */
export interface Reconciliation extends PlanReconciliationInput, ReconcileSummary {
  startedAt: Date;
  finishedAt: Date | null;
}

/** Adds the reconciliation with its vehicles; a second call adds nothing. */
export async function insertReconciliation(
  database: Queryable,
  reconciliation: PlanReconciliationInput,
  vehicles: readonly { id: string; serverId: string }[],
): Promise<void> {
  const { reconciliationId, workflowId, selection, from, to, requestedBy } = reconciliation;
  await database.query(
    `WITH made AS (
       INSERT INTO reconciliations (reconciliation_id, workflow_id, selection, from_day, to_day, requested_by)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING reconciliation_id)
     INSERT INTO reconciled_vehicles (reconciliation_id, vehicle_id, server_id)
     SELECT reconciliation_id, vehicle_id, server_id FROM made, unnest($7::bigint[], $8::text[]) AS vehicle (vehicle_id, server_id)`,
    [
      reconciliationId,
      workflowId,
      JSON.stringify(selection),
      from,
      to,
      requestedBy,
      vehicles.map(({ id }) => id),
      vehicles.map(({ serverId }) => serverId),
    ],
  );
}

const STATES = `SELECT reconciliation_id AS "reconciliationId", workflow_id AS "workflowId", selection, to_char(from_day, 'YYYY-MM-DD') AS "from",
    to_char(to_day, 'YYYY-MM-DD') AS "to", requested_by AS "requestedBy", run.state, started_at AS "startedAt", finished_at AS "finishedAt", sums.*, days.*
  FROM reconciliations AS run,
       LATERAL (SELECT count(*)::int AS vehicles,
                       count(*) FILTER (WHERE state = 'compared')::int AS compared, count(*) FILTER (WHERE state = 'failed')::int AS failed,
                       coalesce(sum(source_rows), 0)::float8 AS "sourceRows", coalesce(sum(target_rows), 0)::float8 AS "targetRows",
                       coalesce(sum(missing), 0)::float8 AS missing, coalesce(sum(changed), 0)::float8 AS changed,
                       coalesce(sum(extra), 0)::float8 AS extra, coalesce(sum(quarantined), 0)::float8 AS quarantined
                  FROM reconciled_vehicles AS vehicle WHERE vehicle.reconciliation_id = run.reconciliation_id) AS sums,
       LATERAL (SELECT count(*)::int AS "differingDays", count(*) FILTER (WHERE repaired_at IS NOT NULL)::int AS "repairedDays"
                  FROM reconciled_days AS day WHERE day.reconciliation_id = run.reconciliation_id) AS days`;

/** null: there is none of that id. */
export async function findReconciliation(database: Queryable, id: string): Promise<Reconciliation | null> {
  if (!isRunId(id)) return null;
  const { rows } = await database.query<Reconciliation>(`${STATES} WHERE reconciliation_id = $1`, [id]);
  return rows[0] ?? null;
}

/** Errors: InvalidSelection. */
export async function readReconciliation(database: Queryable, id: string): Promise<Reconciliation> {
  const found = await findReconciliation(database, id);
  if (found !== null) return found;
  throw new Failure(
    'InvalidSelection',
    `There is no reconciliation ${id}. \`fleetgraph reconcile list\` shows those there are.`,
  );
}

/** Lists the latest first. */
export async function latestReconciliations(
  database: Queryable,
  { limit, before }: { limit: number; before: { at: string; id: string } | null },
): Promise<Reconciliation[]> {
  const { rows } = await database.query<Reconciliation>(
    `${STATES}
      WHERE $2::timestamptz IS NULL OR (date_trunc('milliseconds', started_at), reconciliation_id) < ($2, $3::uuid)
      ORDER BY date_trunc('milliseconds', started_at) DESC, reconciliation_id DESC LIMIT $1`,
    [limit, before?.at ?? null, before?.id ?? null],
  );
  return rows;
}

/** Ends it; what has ended stays as it is. */
export async function finishReconciliation(
  database: Queryable,
  id: string,
  outcome: 'completed' | 'cancelled' | 'failed',
): Promise<void> {
  await database.query(
    `UPDATE reconciliations SET state = $2, finished_at = now() WHERE reconciliation_id = $1 AND state = 'running'`,
    [id, outcome],
  );
}
