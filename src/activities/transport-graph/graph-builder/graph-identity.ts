import { createHash } from 'node:crypto';
import type { Queryable } from '../../../connections/postgres.ts';
import { activeDataset } from '../../../records/datasets.ts';

/** Raise it whenever the same rows would make another graph. */
export const BUILDER_VERSION = 1;

export interface GraphIdentity {
  datasetVersion: string;
  /** null when missing cities were joined directly. */
  hubStopId: string | null;
  /** Who approved the dataset after it had been held; null when it needed no approval. */
  approvedBy: string | null;
  /** SHA-256 of dataset version, virtual entities and builder version. Equal fingerprints mean the same graph. */
  fingerprint: string;
}

/** Virtual flights are left out: each has the duration of its route, so another day of flights does not change the graph. */
const VIRTUAL_ENTITIES = `
  SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex') AS sum
  FROM (SELECT (to_jsonb(s) - 'created_at')::text AS line FROM virtual_stops s
        UNION ALL
        SELECT (to_jsonb(r) - 'created_at' - 'fare_rub')::text FROM virtual_routes r) entities`;

/** The identity of the newest active dataset's graph; null when there is no active dataset. */
export async function readIdentity(database: Queryable): Promise<GraphIdentity | null> {
  const dataset = await activeDataset(database);
  if (dataset === null) return null;
  const virtual = await database.query<{ sum: string }>(VIRTUAL_ENTITIES);
  const parts = [dataset.version, virtual.rows[0]!.sum, BUILDER_VERSION];
  const fingerprint = createHash('sha256').update(parts.join('\n')).digest('hex');
  return { datasetVersion: dataset.version, hubStopId: dataset.hubStopId, approvedBy: dataset.decidedBy, fingerprint };
}
