import type { Queryable } from '../connections/postgres.ts';

/** A graph as it is shown: its row with the figures of its report. */
export interface GraphVersion {
  version: string;
  state: string;
  datasetVersion: string;
  nodes: number;
  edges: number;
  valid: boolean | null;
  errors: number;
  warnings: number;
  previousVersion: string | null;
  createdAt: Date;
  activatedAt: Date | null;
  retiredAt: Date | null;
}

/** What the validation found, and how the graph compares with the one before it. */
export type StoredReport = Record<string, unknown> & { diff?: object | null };

const ISSUES = (severity: string): string =>
  `(SELECT count(*)::int FROM jsonb_array_elements(coalesce(report -> 'issues', '[]')) issue WHERE issue ->> 'severity' = '${severity}')`;
const COLUMNS = `version, state, dataset_version::text AS "datasetVersion", nodes, edges, (report ->> 'valid')::boolean AS valid,
  ${ISSUES('error')} AS errors, ${ISSUES('warning')} AS warnings, previous_version AS "previousVersion", created_at AS "createdAt",
  activated_at AS "activatedAt", retired_at AS "retiredAt"`;

/** The active graph with its report, without the comparison; null before the first. */
export async function activeGraphVersion(
  database: Queryable,
): Promise<(GraphVersion & { report: StoredReport | null; ageSeconds: number }) | null> {
  const { rows } = await database.query<GraphVersion & { report: StoredReport | null; ageSeconds: number }>(
    `SELECT ${COLUMNS}, report - 'diff' AS report, extract(epoch FROM now() - activated_at)::float8 AS "ageSeconds"
       FROM graphs WHERE state = 'active'`,
  );
  return rows[0] ?? null;
}

/** The version that is live by its row; null before the first. */
export async function activeVersion(database: Queryable): Promise<string | null> {
  const { rows } = await database.query<{ version: string }>(`SELECT version FROM graphs WHERE state = 'active'`);
  return rows[0]?.version ?? null;
}

/** Lists the latest first. `before` is the number of a version: only lower numbers are listed. */
export async function listGraphVersions(
  database: Queryable,
  { limit, before }: { limit: number; before: string | null },
): Promise<GraphVersion[]> {
  const { rows } = await database.query<GraphVersion>(
    `SELECT ${COLUMNS} FROM graphs WHERE $2::bigint IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`,
    [limit, before],
  );
  return rows;
}

export async function findGraphVersion(
  database: Queryable,
  version: string,
): Promise<(GraphVersion & { report: StoredReport }) | null> {
  const { rows } = await database.query<GraphVersion & { report: StoredReport }>(
    `SELECT ${COLUMNS}, report FROM graphs WHERE version = $1`,
    [version],
  );
  return rows[0] ?? null;
}
