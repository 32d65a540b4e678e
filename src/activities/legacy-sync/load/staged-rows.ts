import type pg from 'pg';
import { POSITION_COLUMNS, TUPLE_COLUMNS } from '../../../settings/position-columns.ts';

/** Rows that may be in positions already go by way of this table. It exists as long as its connection, and each transaction leaves it empty. */
export const STAGING_TABLE = 'pg_temp.fleetgraph_staging';

/** Makes the table once per connection, because making and dropping one per range would bloat the catalogue. */
export async function openStaging(client: pg.PoolClient): Promise<void> {
  await client.query(
    `CREATE TEMP TABLE IF NOT EXISTS fleetgraph_staging ON COMMIT DELETE ROWS AS SELECT ${TUPLE_COLUMNS} FROM positions WITH NO DATA`,
  );
}

const LOWEST_ID = String(-(2n ** 63n));
/** From this many rows the planner needs their number; below, its guess does no harm. */
const ANALYZE_FROM = 10_000;
/** More stretches of days than this are joined to fewer and longer ones. */
const MOST_STRETCHES = 8;
/** An offset of a time zone, and so a correction of one, is below 26 hours. */
const DAYS_AROUND = 2;

/** All that a row says: two with one id that differ in any of it are two rows. */
const CONTENT = POSITION_COLUMNS.filter((column) => !['vehicle_id', 'legacy_id', 'flags'].includes(column)).join(', ');

/** What became of the staged rows. */
export interface MergedRows {
  /** How many of each vehicle were new. */
  inserted: Map<string, number>;
  /** How many of those lie up to the vehicle's watermark. */
  late: Map<string, number>;
  /** Vehicles of which two rows have one id and are not the same, with that id: one may be missing now, so nothing may be committed. */
  repeated: Map<string, string>;
}

export const NOTHING_MERGED: MergedRows = { inserted: new Map(), late: new Map(), repeated: new Map() };

/**
 * Moves the staged rows into positions, except those that are there already. A row is there when its key is, or when one with the same legacy id and
 * place is, at a time that a zone's offset away is the same: it was read differently then, in the night of a clock change or under another
 * zone of its server. Otherwise an overlap would double such rows. Offsets are quarters of an hour; a bus that stands has the same place at any time.
 */
export async function mergeStaged(
  client: pg.PoolClient,
  staged: { vehicleIds: readonly string[]; rows: number; days: ReadonlySet<number>; fromId: string; toId: string },
): Promise<MergedRows> {
  if (staged.rows >= ANALYZE_FROM) await client.query('ANALYZE fleetgraph_staging');
  // A range that begins at 1 holds the rows below as well.
  const fromId = BigInt(staged.fromId) <= 1n ? LOWEST_ID : staged.fromId;
  const parameters: unknown[] = [staged.vehicleIds, fromId, staged.toId];
  const known = stretches(staged.days).map(({ first, last }) => {
    parameters.push(dayAsTime(first - DAYS_AROUND), dayAsTime(last + 1 + DAYS_AROUND));
    return `SELECT vehicle_id, time, legacy_id, latitude, longitude FROM positions
             WHERE vehicle_id = ANY($1) AND legacy_id BETWEEN $2 AND $3
               AND time >= $${parameters.length - 1} AND time < $${parameters.length}`;
  });
  const { rows } = await client.query<{
    vehicleId: string;
    rows: number | null;
    late: number | null;
    id: string | null;
  }>(
    `WITH known AS MATERIALIZED (${known.join(' UNION ALL ')}), inserted AS (
     INSERT INTO positions (${TUPLE_COLUMNS})
     SELECT ${TUPLE_COLUMNS} FROM fleetgraph_staging AS staged
      WHERE NOT EXISTS (SELECT FROM known WHERE known.vehicle_id = staged.vehicle_id AND known.legacy_id = staged.legacy_id
                           AND known.latitude = staged.latitude AND known.longitude = staged.longitude
                           AND extract(epoch FROM known.time - staged.time) % 900 = 0)
     ON CONFLICT DO NOTHING RETURNING vehicle_id, legacy_id)
     SELECT vehicle_id::text AS "vehicleId", count(*)::float8 AS rows, count(*) FILTER (WHERE legacy_id <= watermark)::float8 AS late, NULL AS id
       FROM inserted LEFT JOIN vehicles ON vehicles.id = vehicle_id GROUP BY 1
     UNION ALL SELECT vehicle_id::text, NULL, NULL, legacy_id::text FROM (${REPEATED}) AS repeated`,
    parameters,
  );
  return {
    inserted: new Map(rows.flatMap(({ vehicleId, rows: count }) => (count === null ? [] : [[vehicleId, count]]))),
    late: new Map(rows.flatMap(({ vehicleId, late }) => (late === null ? [] : [[vehicleId, late]]))),
    repeated: new Map(rows.flatMap(({ vehicleId, id }) => (id === null ? [] : [[vehicleId, id]]))),
  };
}

/** The ids that several rows have are found by their hashes; the rows are compared only where there is one. */
const REPEATED = `
  SELECT vehicle_id, legacy_id FROM fleetgraph_staging
    JOIN (SELECT vehicle_id, legacy_id FROM fleetgraph_staging GROUP BY 1, 2 HAVING count(*) > 1) AS several USING (vehicle_id, legacy_id)
   GROUP BY 1, 2 HAVING count(DISTINCT (${CONTENT})) > 1`;

interface Stretch {
  first: number;
  last: number;
}

/** The days as stretches; those whose surroundings touch are one. */
function stretches(days: ReadonlySet<number>): Stretch[] {
  const joined: Stretch[] = [];
  for (const day of [...days].sort((one, other) => one - other)) {
    const last = joined.at(-1);
    if (last !== undefined && day - last.last <= 2 * DAYS_AROUND) last.last = day;
    else joined.push({ first: day, last: day });
  }
  while (joined.length > MOST_STRETCHES) joinNearest(joined);
  return joined;
}

function joinNearest(joined: Stretch[]): void {
  let nearest = 1;
  const gap = (index: number): number => joined[index]!.first - joined[index - 1]!.last;
  for (let index = 2; index < joined.length; index++) if (gap(index) < gap(nearest)) nearest = index;
  const [removed] = joined.splice(nearest, 1);
  joined[nearest - 1]!.last = removed!.last;
}

/** Days since 1970 as a time for PostgreSQL, which cannot read how Date writes years above 9999. */
const dayAsTime = (day: number): string => new Date(Math.min(day, 2_932_896) * 86_400_000).toISOString();
