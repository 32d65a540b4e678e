import type { Queryable } from '../connections/postgres.ts';
import type { AlertInput } from '../workflows/alert-contract.ts';

/** The outcome per channel: `sent`, `off`, or `failed: …` with the reason. */
export type AlertDelivery = Record<'webhook' | 'email', string>;

/** `told`: the row holds the outcome of the delivery. A row without it belongs to an attempt that was killed before it could record one. */
export interface NotedAlert {
  id: string;
  told: boolean;
}

/** Adds one row per key, however often it is called. */
export async function noteAlert(database: Queryable, alert: AlertInput): Promise<NotedAlert> {
  const { rows } = await database.query<NotedAlert>(
    `INSERT INTO alerts (worker_id, subject, message, dedupe_key) VALUES ($1, $2, $3, $4)
     ON CONFLICT (dedupe_key) DO UPDATE SET subject = EXCLUDED.subject
     RETURNING id, delivery <> '{}' AS told`,
    [alert.workerId, alert.subject, alert.message, alert.dedupeKey],
  );
  return rows[0]!;
}

export async function recordDelivery(database: Queryable, id: string, delivery: AlertDelivery): Promise<void> {
  await database.query('UPDATE alerts SET delivery = $2 WHERE id = $1', [id, delivery]);
}

/** Counts the alerts of the last day that a channel did not take, with what one of their deliveries says. */
export async function undeliveredAlerts(database: Queryable): Promise<{ count: number; last: string | null }> {
  const { rows } = await database.query<{ count: number; last: string | null }>(
    `SELECT count(*)::int, max(delivery::text) AS last FROM alerts WHERE at > now() - interval '1 day' AND delivery::text LIKE '%failed%'`,
  );
  return rows[0]!;
}

/** Counts the alerts that were raised in the last day, delivered or not. */
export async function countAlerts(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `SELECT count(*)::int FROM alerts WHERE at > now() - interval '24 hours'`,
  );
  return rows[0]!.count;
}

/** Alerts of incidents that no channel was told of yet, the oldest first. Alerts that workflows raise are told by their activities. */
export const untoldIncidentAlerts = (database: Queryable, workerId: string): Promise<AlertInput[]> =>
  untold(database, `dedupe_key LIKE 'incident/%' AND worker_id = $1`, [workerId]);

/** What `notePipelineRecoveries` noted and no channel was told of yet. */
export const untoldPipelineRecoveries = (database: Queryable): Promise<AlertInput[]> =>
  untold(database, `dedupe_key LIKE '%/over' AND dedupe_key NOT LIKE 'incident/%'`, []);

async function untold(database: Queryable, which: string, parameters: unknown[]): Promise<AlertInput[]> {
  const { rows } = await database.query<AlertInput>(
    `SELECT worker_id AS "workerId", subject, message, dedupe_key AS "dedupeKey" FROM alerts
      WHERE delivery = '{}' AND ${which} ORDER BY id LIMIT 100`,
    parameters,
  );
  return rows;
}
