import type pg from 'pg';
import { NUMBER_FIELDS } from '../../../settings/position-columns.ts';
import { unmarked } from '../../../records/extra-positions.ts';
import { addTo, type Buckets, type Day } from './buckets.ts';
import { type ArrivedTuple, arrivedTuples, hashOf } from './arrived-tuples.ts';
import type { SourceRow, TargetRow } from './compare-rows.ts';
import type { BoundVehicle, Sides } from './compare-vehicles.ts';
import { readWindow, type Window } from './read-window.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import type { TableSides } from './table-sides.ts';
import type { DaySpan } from './source-statements.ts';
import { offsetAt, type ZoneOffset } from './zone-offsets.ts';

/** Of `positions`, between two dumps of about as many rows. */
const ROWS_OF_A_WINDOW = 10_000;

/** A row of `positions` as text, without its attributes. */
const STORED_ROW_BYTES = 200;

/**
 * Compares by reading the rows again, as a sync reads them. What changed at either side is found; a fault of the converter is not, because both
 * sides have it.
 */
export function sidesByRows(
  deps: ReconciliationDependencies,
  asked: TableSides,
  { offsets, unsaid }: { offsets: readonly ZoneOffset[]; unsaid: readonly string[] },
): Sides {
  const dayOf = (micros: bigint): number => {
    const seconds = Number(micros / 1_000_000n);
    return Math.floor((seconds + offsetAt(offsets, seconds)) / 86_400);
  };
  const side: RowSide = { deps, asked, dayOf };
  return {
    method: 'rows',
    unsaid,
    mostRows: asked.at.buffers.comparedRows,
    async buckets(vehicles) {
      const found = { source: new Map<string, Buckets>(), target: new Map<string, Buckets>() };
      for (const bound of vehicles) {
        found.source.set(bound.vehicle.id, await gathered(sourceOf(side, bound, bound), asked.days));
        found.target.set(bound.vehicle.id, await gathered(targetOf(side, bound), asked.days));
      }
      return found;
    },
    async rows({ bound, days, there }) {
      const wanted = new Set(days);
      const source = there.rows === 0 ? [] : await listed(sourceOf(side, bound, there), wanted);
      return { source, target: await listed(targetOf(side, bound), wanted) };
    },
  };
}

interface RowSide {
  deps: ReconciliationDependencies;
  asked: TableSides;
  dayOf: (micros: bigint) => number;
}

async function gathered(rows: AsyncIterable<SourceRow>, span: DaySpan | null): Promise<Buckets> {
  const buckets: Buckets = new Map();
  for await (const { id, day, hash } of rows) {
    if (span !== null && day !== null && (day < span.from || day > span.to)) continue;
    const number = BigInt(id);
    addTo(buckets, day, { rows: 1, sum: BigInt(`0x${hash}`), minId: number, maxId: number });
  }
  return buckets;
}

async function listed<Row extends SourceRow>(rows: AsyncIterable<Row>, days: ReadonlySet<Day>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) if (days.has(row.day)) found.push(row);
  return found;
}

/** Rows that cannot be imported have no day; they are told by their id. */
async function* sourceOf(
  { deps, asked, dayOf }: RowSide,
  { vehicle }: BoundVehicle,
  range: Window,
): AsyncGenerator<SourceRow> {
  const windows = await windowsOf(deps.importPool, vehicle.id, range);
  for (const window of windows) {
    for await (const { tuples, refused } of readWindow({ ...asked, vehicle }, window)) {
      for (const tuple of arrivedTuples(tuples)) yield { id: tuple.id, day: dayOf(tuple.micros), hash: hashOf(tuple) };
      for (const { legacyId } of refused) if (legacyId !== null) yield { id: legacyId, day: null, hash: '0' };
    }
  }
}

/** Cuts the ids where `positions` has so many rows between; the source will have about as many. */
async function windowsOf(pool: pg.Pool, vehicleId: string, { above, upTo }: Window): Promise<Window[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT legacy_id::text AS id FROM (
       SELECT legacy_id, row_number() OVER (ORDER BY legacy_id) AS number FROM positions
        WHERE vehicle_id = $1 AND legacy_id > $2 AND legacy_id < $3) AS numbered
      WHERE number % $4 = 0 ORDER BY legacy_id`,
    [vehicleId, above, upTo, ROWS_OF_A_WINDOW],
  );
  const cuts = [above, ...new Set(rows.map(({ id }) => id)), upTo];
  return cuts.slice(1).map((cut, index) => ({ above: cuts[index]!, upTo: cut }));
}

type StoredRow = Record<'id' | 'micros' | 'time', string> &
  Pick<ArrivedTuple, 'attributes'> & { numbers: (number | null)[]; received: string | null };

/** The rows of a vehicle by their time, which its index gives. */
async function* targetOf({ deps, asked, dayOf }: RowSide, { vehicle, upTo }: BoundVehicle): AsyncGenerator<TargetRow> {
  let last: { time: string; id: string } = { time: '-infinity', id: '0' };
  for (;;) {
    const { rows }: pg.QueryResult<StoredRow> = await deps.importPool.query<StoredRow>(STORED, [
      vehicle.id,
      upTo,
      last.time,
      last.id,
      ROWS_OF_A_WINDOW,
    ]);
    for (const { id, micros, time, received, ...row } of rows) {
      const moment = BigInt(micros);
      const receivedMicros = received === null ? null : BigInt(received);
      const hash = hashOf({ ...row, id, micros: moment, receivedMicros });
      yield { id, time, day: dayOf(moment), hash };
    }
    await deps.pace(asked.at.signal, rows.length * STORED_ROW_BYTES);
    last = rows.at(-1) ?? last;
    if (rows.length < ROWS_OF_A_WINDOW) return;
  }
}

const MICROS = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint::text`;
const MEASURED = Object.values(NUMBER_FIELDS)
  .map(({ column }) => column)
  .join(', ');
const STORED = `SELECT legacy_id::text AS id, ${MICROS('"time"')} AS micros,
    to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time, ${MICROS('received_at')} AS received,
    ARRAY[latitude, longitude, ${MEASURED}] AS numbers, attributes::text AS attributes
  FROM positions AS position
 WHERE vehicle_id = $1 AND legacy_id <= $2 AND ("time", legacy_id) > ($3::timestamptz, $4::bigint) AND ${unmarked('position')}
 ORDER BY position."time", legacy_id LIMIT $5`;
