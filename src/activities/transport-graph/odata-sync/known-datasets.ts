import type { Queryable } from '../../../connections/postgres.ts';
import type { SetCounts } from './shrink-gate.ts';

export interface KnownDataset extends SetCounts {
  version: string;
  contentSha256: string;
  state: 'active' | 'held' | 'rejected';
  heldReason: string | null;
  decidedBy: string | null;
  decisionReason: string | null;
  decidedAt: Date | null;
}

const COLUMNS = `version::text, content_sha256 AS "contentSha256", state, stops, routes, flights, held_reason AS "heldReason",
  decided_by AS "decidedBy", decision_reason AS "decisionReason", decided_at AS "decidedAt"`;

/** Active, held and rejected datasets of a source that still count, newest first. */
export interface KnownDatasets {
  active: KnownDataset | null;
  /** Held or rejected with this very content. */
  sameContent: KnownDataset | null;
  /** What an operator last approved, until a dataset is activated after it. */
  approved: KnownDataset | null;
}

export async function readKnownDatasets(
  database: Queryable,
  source: string,
  contentSha256: string,
): Promise<KnownDatasets> {
  const { rows } = await database.query<KnownDataset>(
    `SELECT ${COLUMNS} FROM datasets
     WHERE source = $1 AND (state IN ('active', 'held') OR (state = 'rejected' AND content_sha256 = $2))
     ORDER BY datasets.version DESC`,
    [source, contentSha256],
  );
  return {
    active: rows.find(({ state }) => state === 'active') ?? null,
    sameContent: rows.find((row) => row.state !== 'active' && row.contentSha256 === contentSha256) ?? null,
    approved: rows.find(({ state, decidedAt }) => state === 'held' && decidedAt !== null) ?? null,
  };
}
