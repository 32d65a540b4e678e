import type pg from 'pg';
import { TUPLE_COLUMNS } from '../dump/row-converter.ts';

/** Rows that may be there already pass through here. Lives with the connection and empties itself at the end of each transaction. */
export const STAGING_TABLE = 'pg_temp.fleetgraph_staging';

/** Temporary tables made and dropped per range would bloat the catalogue; this one is made once per connection. */
export async function openStaging(client: pg.PoolClient): Promise<void> {
  await client.query(
    `CREATE TEMP TABLE IF NOT EXISTS fleetgraph_staging ON COMMIT DELETE ROWS AS SELECT ${TUPLE_COLUMNS} FROM positions WITH NO DATA`,
  );
}

/** From here on the planner is told how many rows are staged; below, its guess does no harm. */
const ANALYZE_FROM = 10_000;
/** More stretches of days than these are read as fewer and longer ones. */
const MOST_STRETCHES = 8;
/** A zone's offset, and so a correction of one, is within 26 hours. */
const DAYS_AROUND = 2;

/**
 * Moves the staged rows into positions, except those that are there; returns how many were new. A row is there when its key is. It is
 * also there, under another time, when the night of the clock change, or the zone of its server, was read differently back
 * then: same legacy id, same place, within the reach of an offset. Without that an overlap would double such rows.
 */
export async function mergeStaged(
  client: pg.PoolClient,
  staged: { vehicleId: string; rows: number; days: ReadonlySet<number>; fromId: string; toId: string },
): Promise<number> {
  if (staged.rows >= ANALYZE_FROM) await client.query('ANALYZE fleetgraph_staging');
  const parameters: unknown[] = [staged.vehicleId, staged.fromId, staged.toId];
  const known = stretches(staged.days).map(({ first, last }) => {
    parameters.push(dayAsTime(first - DAYS_AROUND), dayAsTime(last + 1 + DAYS_AROUND));
    return `SELECT legacy_id, latitude, longitude FROM positions
             WHERE vehicle_id = $1 AND legacy_id BETWEEN $2 AND $3
               AND time >= $${parameters.length - 1} AND time < $${parameters.length}`;
  });
  const { rowCount } = await client.query(
    `WITH known AS MATERIALIZED (${known.join(' UNION ALL ')})
     INSERT INTO positions (${TUPLE_COLUMNS})
     SELECT ${TUPLE_COLUMNS} FROM fleetgraph_staging AS staged
      WHERE NOT EXISTS (SELECT FROM known WHERE known.legacy_id = staged.legacy_id
                           AND known.latitude = staged.latitude AND known.longitude = staged.longitude)
     ON CONFLICT DO NOTHING`,
    parameters,
  );
  return rowCount ?? 0;
}

interface Stretch {
  first: number;
  last: number;
}

/** The days, joined where their surroundings touch. */
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

/** Days since 1970 as a time that PostgreSQL reads; Date would write years above 9999 in a way it does not. */
const dayAsTime = (day: number): string => new Date(Math.min(day, 2_932_896) * 86_400_000).toISOString();
