import type { Queryable } from '../connections/postgres.ts';

/** Rows that an import saw, those in quarantine and those whose id is unreadable included. */
export interface SeenRows {
  rows: number;
  /** The sum of the rows' ids, as activities/legacy-sync/dump/id-sum.ts computes it; null when an id could not be read. */
  idSum: number | null;
}

/** The rows that the last import saw: `rows` rows with fromId < id <= toId, where toId is the vehicle's watermark. */
export interface SeenWindow extends SeenRows {
  fromId: string;
  toId: string;
  marks?: readonly RowMark[] | null;
}

/** A row that an import brought: its id, and its time in seconds since 1970. If the source has another time under that id, it gave its ids anew. */
export type RowMark = readonly [id: string, seconds: number];

/** The JSON for `seen_marks`; null: the import brought no mark, and those of before stay. */
export const marksJson = (marks: readonly RowMark[]): string | null =>
  marks.length === 0 ? null : JSON.stringify(marks);

/** The windows by vehicle id. A vehicle that was never synced has none. */
export async function readSeenWindows(
  database: Queryable,
  vehicleIds: readonly string[],
): Promise<Map<string, SeenWindow>> {
  const { rows } = await database.query<SeenWindow & { id: string }>(
    `SELECT id, seen_from_id AS "fromId", seen_to_id AS "toId", seen_rows::float8 AS rows, seen_id_sum::float8 AS "idSum", seen_marks AS marks
     FROM vehicles WHERE id = ANY($1) AND seen_to_id = watermark AND seen_from_id < seen_to_id`,
    [vehicleIds],
  );
  return new Map(rows.map(({ id, ...window }) => [id, window]));
}

/** Notes that these vehicles had nothing new. Rows locked by a load are left out: that vehicle is being synced now, and its load updates the row. */
export async function noteUpToDate(client: Queryable, vehicleIds: readonly string[]): Promise<void> {
  await client.query(
    `UPDATE vehicles SET last_synced_at = now() WHERE id IN (
       SELECT id FROM vehicles WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)`,
    [vehicleIds],
  );
}

/**
 * Notes a successful sync of this vehicle. A row locked by a load is left out: the vehicle is being synced again, and its load writes a
 * newer time.
 */
export async function noteSynced(client: Queryable, vehicleId: string): Promise<void> {
  await client.query(
    `UPDATE vehicles SET last_synced_at = clock_timestamp(), range_rows = NULL
     WHERE id IN (SELECT id FROM vehicles WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)`,
    [vehicleId],
  );
}

/** A smaller range costs more to begin than to sync. */
const SHORTEST_RANGE = 100;

/**
 * Shortens the next range after a sync that ran out of time before its first range was imported: with the same range it would run out of
 * time again. The next sync begins with an eighth of that range. The step is large because a time-out loses the work of its range: two
 * small ranges fit into the time that one of twice the size just exceeds.
 */
export async function shortenRanges(
  client: Queryable,
  { runId, vehicleId }: { runId: string; vehicleId: string },
  rangeRows: number,
): Promise<void> {
  await client.query(
    `UPDATE vehicles SET range_rows = greatest(${SHORTEST_RANGE}, least(range_rows, sync.planned_rows, $3::bigint) / 8)
     FROM vehicle_syncs AS sync
     WHERE id = $2 AND sync.run_id = $1 AND sync.vehicle_id = $2 AND sync.ranges = 0`,
    [runId, vehicleId, rangeRows],
  );
}
