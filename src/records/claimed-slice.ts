import type { Queryable } from '../connections/postgres.ts';
import type { TableColumn } from './legacy-tables.ts';
import { OF_READ, type Unwanted } from './table-reads.ts';

export interface SliceClaim<Circuit> {
  readId: string;
  number: number;
  of: number;
  table: string;
  serverId: string;
  /** The slice is the rows with fromId < id <= toId. */
  fromId: string;
  toId: string;
  plannedRows: number;
  unwanted: Unwanted;
  /** Nothing is committed late in the slice any more: it lies below the overlap with the next run. */
  final: boolean;
  /** The server's, as `pool/circuit.ts` keeps it. */
  circuit: Circuit;
  /** null: nobody has looked at the table yet. */
  tableColumns: TableColumn[] | null;
  /** null: not known. */
  engine: string | null;
}

/** A slice that a run has claimed, with all that its work needs to know; null: the run has no claim on it (any more). */
export async function readClaimedSlice<Circuit>(
  database: Queryable,
  { runId, sliceId }: { runId: string; sliceId: string },
): Promise<SliceClaim<Circuit> | null> {
  const { rows } = await database.query<SliceClaim<Circuit>>(
    `SELECT slice.read_id AS "readId", slice.number, read.slices AS "of", read.table_name AS "table", slice.server_id AS "serverId",
            slice.from_id::text AS "fromId", slice.to_id::text AS "toId", slice.planned_rows::float8 AS "plannedRows", read.unwanted,
            slice.to_id <= (SELECT max(each.to_id) FROM table_slices AS each WHERE each.read_id = read.id) - read.overlap_ids AS final,
            state.breaker AS circuit, known.columns AS "tableColumns", known.engine
       FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id
       JOIN legacy_server_state AS state ON state.server_id = slice.server_id
       LEFT JOIN legacy_tables AS known ON known.server_id = slice.server_id AND known.table_name = read.table_name
      WHERE slice.run_id = $1 AND slice.slice_id = $2 AND slice.state = 'claimed'`,
    [runId, sliceId],
  );
  return rows[0] ?? null;
}

/** The server that a slice is read from, claimed or not; null: there is no such slice. */
export async function serverOfSlice(
  database: Queryable,
  { runId, sliceId }: { runId: string; sliceId: string },
): Promise<string | null> {
  const { rows } = await database.query<{ serverId: string }>(
    'SELECT server_id AS "serverId" FROM table_slices WHERE run_id = $1 AND slice_id = $2',
    [runId, sliceId],
  );
  return rows[0]?.serverId ?? null;
}

/** What the mapping's vehicle column says of the vehicles whose rows a read brings: those that are claimed with it and not left out. */
export async function legacyIdsOfRead(database: Queryable, readId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT vehicle.legacy_vehicle_id AS id FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
      WHERE ${OF_READ} AND sync.state = 'claimed' AND sync.left_out IS NULL ORDER BY sync.vehicle_id`,
    [readId],
  );
  return rows.map(({ id }) => id);
}
