import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { MergedRows } from './staged-rows.ts';

/** The vehicles that an import brought: each with the id from which on the dump has all of its rows. */
export interface JudgedImport {
  runId: string;
  fromIds: ReadonlyMap<string, bigint>;
}

/** The evidence that a source gave its ids anew: none of the rows below the watermark that came before came again. */
export interface GivenAnew {
  vehicleId: string;
  watermark: string;
  /** Rows up to the watermark that came now, and ids there that came before. */
  came: number;
  before: number;
  /** How many of those ids are in both, but with other rows; `changedId` is one of them. */
  changed: number;
  changedId: string | null;
}

/** Some systems change a vehicle's last row in place while the vehicle stands, so one changed row is no evidence. */
const FEWEST_CHANGED = 2;
/** Fewer may be rows that were committed late, where the source has purged those that came before. */
const FEWEST_OTHERS = 3;
/** Rows of the window are searched this far back from the newest row, which spares the older chunks. Rows further back are not counted. */
const WINDOW_SECONDS = 30 * 86_400;

/**
 * Finds the vehicles whose rows up to the watermark all came as new, although rows with such ids had come before. Call it after the rows were merged,
 * in the same transaction. Late rows come beside rows that are known, and a purge leaves no rows there, so neither looks like this. Only deltas are
 * judged, by windows that an import has seen: a sync in mode full, and a watermark that was set by hand, are an operator's answer. An id that is made
 * of a time is never given anew.
 */
export async function findGivenAnew(
  client: pg.PoolClient,
  { runId, fromIds }: JudgedImport,
  { late }: Pick<MergedRows, 'late'>,
): Promise<Map<string, GivenAnew>> {
  const suspects = [...fromIds.keys()].filter((id) => (late.get(id) ?? 0) >= FEWEST_CHANGED);
  if (suspects.length === 0) return new Map();
  const all = await client.query<{ vehicleId: string; came: number; newest: number | null }>(
    `SELECT vehicle.id::text AS "vehicleId", count(*)::float8 AS came, extract(epoch FROM vehicle.newest_position_at)::float8 AS newest
       FROM fleetgraph_staging AS staged JOIN vehicles AS vehicle ON vehicle.id = staged.vehicle_id
      WHERE vehicle.id = ANY($1) AND staged.legacy_id <= vehicle.watermark
        AND vehicle.seen_to_id = vehicle.watermark AND vehicle.seen_rows > 0
        AND EXISTS (SELECT FROM sync_runs WHERE run_id = $2 AND mode = 'delta')
      GROUP BY vehicle.id`,
    [suspects, runId],
  );
  const unknown = all.rows.filter(({ vehicleId, came }) => late.get(vehicleId) === came);
  if (unknown.length === 0) return new Map();
  const { rows } = await client.query<Omit<GivenAnew, 'came'>>(BEFORE, [
    unknown.map(({ vehicleId }) => vehicleId),
    unknown.map(({ vehicleId }) => String(fromIds.get(vehicleId))),
    Math.min(...unknown.map(({ newest }) => newest ?? Number.NEGATIVE_INFINITY)) - WINDOW_SECONDS,
  ]);
  const came = new Map(unknown.map((each) => [each.vehicleId, each.came]));
  return new Map(
    rows
      .map((row) => ({ ...row, came: came.get(row.vehicleId)! }))
      .filter((row) => row.changed >= FEWEST_CHANGED || (row.came >= FEWEST_OTHERS && row.before >= FEWEST_OTHERS))
      .map((row) => [row.vehicleId, row]),
  );
}

/** Rows with such ids that did not come just now. */
const BEFORE = `
  SELECT vehicle.id::text AS "vehicleId", vehicle.watermark::text AS watermark, count(DISTINCT known.legacy_id)::float8 AS before,
         count(DISTINCT staged.legacy_id)::float8 AS changed, max(staged.legacy_id)::text AS "changedId"
    FROM unnest($1::bigint[], $2::bigint[]) AS judged (id, from_id) JOIN vehicles AS vehicle USING (id)
    JOIN positions AS known ON known.vehicle_id = vehicle.id AND known.legacy_id BETWEEN judged.from_id AND vehicle.watermark
         AND known.time > to_timestamp($3::float8)
    LEFT JOIN fleetgraph_staging AS staged ON staged.vehicle_id = known.vehicle_id AND staged.legacy_id = known.legacy_id
   WHERE known.vehicle_id = ANY($1)
     AND NOT EXISTS (SELECT FROM fleetgraph_staging AS came
                      WHERE came.vehicle_id = known.vehicle_id AND came.legacy_id = known.legacy_id AND came.time = known.time)
   GROUP BY 1, 2`;

export function givenAnew({ vehicleId, watermark, came, before, changed, changedId }: GivenAnew): Failure {
  const others = changed === 0 ? '' : ` ${changed} of those ids, ${changedId} among them, are other rows now.`;
  return new Failure(
    'SourceReset',
    `Importing positions of vehicle ${vehicleId}: the table has ${came} rows of it up to our watermark ${watermark} that are read again, and none of them is one of the ${before} that came with such ids.${others} The table was emptied and filled again past the watermark, restored or renumbered, or its columns are mapped otherwise now: rows below those would never come. Nothing was imported, and nothing is synced until an operator has looked. A sync of this vehicle in mode full reads all rows that are there now: those that are not known come in beside what came before, and deltas go on from there.`,
  );
}
