import type { Queryable } from '../connections/postgres.ts';
import { type OpenPipelineAlert, openPipelineAlerts } from './pipeline-alerts.ts';

/** What the admin was told of and was not told as over: an incident of the legacy sync, or trouble of the transport graph. */
export interface OpenAlert extends Omit<OpenPipelineAlert, 'kind'> {
  /** The name of its entry in docs/operations.md: `circuit-open`, `stage-failed`. */
  kind: string;
  /** When the incident began; of the transport graph, when it was told last. */
  at: Date;
}

/** The oldest first. */
export async function openAlerts(database: Queryable): Promise<OpenAlert[]> {
  const { rows } = await database.query<OpenAlert>(
    `SELECT kind, about, level, told.subject, told.message, began_at AS at
       FROM incidents LEFT JOIN alerts AS told ON told.dedupe_key = 'incident/' || incidents.id || '/' || level
      WHERE over_at IS NULL`,
  );
  return [...rows, ...(await openPipelineAlerts(database))].toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

/** Counts them by kind and level. */
export async function countOpenAlerts(
  database: Queryable,
): Promise<(Pick<OpenAlert, 'kind' | 'level'> & { alerts: number })[]> {
  const counts = new Map<string, Pick<OpenAlert, 'kind' | 'level'> & { alerts: number }>();
  for (const { kind, level } of await openAlerts(database)) {
    const key = `${kind} ${level}`;
    counts.set(key, { kind, level, alerts: (counts.get(key)?.alerts ?? 0) + 1 });
  }
  return [...counts.values()];
}
