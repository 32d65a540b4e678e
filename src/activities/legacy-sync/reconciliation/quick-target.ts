import type pg from 'pg';
import { to } from 'pg-copy-streams';
import { inTransaction } from '../../../connections/postgres.ts';
import { countMarked, unmarked } from '../../../records/extra-positions.ts';
import { NUMBER_FIELDS } from '../../../settings/position-columns.ts';
import type { WorkPace } from '../load/work-pace.ts';
import type { Buckets } from './buckets.ts';
import type { QuickRow } from './quick-row.ts';
import { QuickRows } from './quick-rows.ts';
import type { AskedVehicle } from './source-sql.ts';
import { BEGIN, timesOf } from './target-sql.ts';
import type { DaySpan } from './source-statements.ts';
import { ofVehiclesBetween } from './vehicles-between.ts';
import type { ZoneOffset } from './zone-offsets.ts';

export interface QuickTargetAccess {
  pool: pg.Pool;
  timeZone: string;
  row: QuickRow;
  offsets: readonly ZoneOffset[];
  /** Of an id. */
  blockOf: (id: number) => number;
  days: DaySpan | null;
  signal: AbortSignal;
  pace: WorkPace;
  /** Of one COPY, about, so that a cancelled comparison ends soon. */
  rowsAtOnce?: number;
}

/** Some seconds. Rows of vehicles that are imported together lie among each other: each COPY reads most pages, however few vehicles it asks for. */
const ROWS_AT_ONCE = 5_000_000;

/** By vehicle and day, of each block. */
export type TargetBlocks = Map<number, Map<string, Buckets>>;

/** What arrived of these vehicles: PostgreSQL hands the rows over, which costs it less than to hash them. */
export async function quickTargetBuckets(
  access: QuickTargetAccess,
  vehicles: readonly AskedVehicle[],
): Promise<TargetBlocks> {
  const { pool, signal, rowsAtOnce = ROWS_AT_ONCE } = access;
  const ids = vehicles.map(({ vehicle }) => vehicle.id);
  const marks = (await countMarked(pool, ids)).length > 0;
  const found: TargetBlocks = new Map();
  for (const some of inPieces(vehicles, rowsAtOnce)) {
    signal.throwIfAborted();
    const between = await ofVehiclesBetween(
      pool,
      some.map(({ vehicle }) => vehicle.id),
    );
    for (const [block, more] of await copied(access, some, copyOf(access, between, marks))) {
      found.set(block, new Map([...(found.get(block) ?? []), ...more]));
    }
  }
  return found;
}

function inPieces(vehicles: readonly AskedVehicle[], most: number): AskedVehicle[][] {
  const pieces: AskedVehicle[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const each of vehicles) {
    if ((rows += each.rows) > most) {
      pieces.push([]);
      rows = each.rows;
    }
    pieces.at(-1)!.push(each);
  }
  return pieces;
}

/** The sums of what one COPY brings. */
function copied(
  { pool, row, offsets, blockOf, signal, pace }: QuickTargetAccess,
  vehicles: readonly AskedVehicle[],
  sql: string,
): Promise<TargetBlocks> {
  const rows = new QuickRows({ row, offsets, vehicles, blockOf });
  return inTransaction(
    pool,
    async (client) => {
      for await (const bytes of client.query(to(sql)) as AsyncIterable<Buffer>) {
        rows.take(bytes);
        // Left in its middle, a COPY would keep its connection from ever being used again: a cancelled one is read to its end.
        await pace(signal, bytes.length).catch(() => {});
      }
      return rows.blocks;
    },
    BEGIN,
  );
}

const NUMBERS = ['latitude', 'longitude', ...Object.values(NUMBER_FIELDS).map(({ column }) => column)].join(', ');

/** A COPY takes no parameters. Rows above a vehicle's last id are passed over when they have come: there are few. */
function copyOf({ row, days, timeZone }: QuickTargetAccess, ofVehicles: string, marks: boolean): string {
  const texts = row.texts.map((text) => `, ${text}`).join('');
  const wanted = [
    ofVehicles,
    ...(days === null ? [] : [timesOf(days, timeZone)]),
    ...(marks ? [unmarked('position')] : []),
  ];
  return `COPY (SELECT vehicle_id, legacy_id, "time", flags, received_at, ${NUMBERS}${texts}
                  FROM positions AS position WHERE ${wanted.join(' AND ')}) TO STDOUT (FORMAT binary)`;
}
