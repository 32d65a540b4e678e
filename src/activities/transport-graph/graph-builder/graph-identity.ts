import { createHash } from 'node:crypto';
import type { Queryable } from '../../../connections/postgres.ts';

/** Raised whenever the same rows would make another graph. */
export const BUILDER_VERSION = 1;

export interface GraphIdentity {
  datasetVersion: string;
  /** Who approved the dataset although it had been held; null when nobody had to. */
  approvedBy: string | null;
  /** SHA-256 of dataset version, virtual entities and builder version: the same fingerprint is the same graph. */
  fingerprint: string;
}

/** Virtual flights are left out: each has its route's duration, so a new day of them is no new graph. */
const VIRTUAL_ENTITIES = `
  SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex') AS sum
  FROM (SELECT (to_jsonb(s) - 'created_at')::text AS line FROM virtual_stops s
        UNION ALL
        SELECT (to_jsonb(r) - 'created_at' - 'fare_rub')::text FROM virtual_routes r) entities`;

/** Of the newest active dataset; null when there is none. */
export async function readIdentity(database: Queryable): Promise<GraphIdentity | null> {
  const { rows } = await database.query<{ version: string; decided_by: string | null }>(
    `SELECT version, decided_by FROM datasets WHERE state = 'active' ORDER BY version DESC LIMIT 1`,
  );
  const [dataset] = rows;
  if (dataset === undefined) return null;
  const virtual = await database.query<{ sum: string }>(VIRTUAL_ENTITIES);
  const parts = [dataset.version, virtual.rows[0]!.sum, BUILDER_VERSION];
  const fingerprint = createHash('sha256').update(parts.join('\n')).digest('hex');
  return { datasetVersion: dataset.version, approvedBy: dataset.decided_by, fingerprint };
}
