import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import { OF_READ, type Unwanted } from '../../../records/table-reads.ts';
import type { Circuit } from '../../../pool/circuit.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import { sliceLabel, type SliceKey } from '../../../workflows/legacy-sync/messages.ts';
import type { WantedVehicles } from '../legacy-host/wanted-vehicles.ts';
import type { VehicleContext } from '../vehicle-context.ts';

/** What an activity needs to know about a slice. The parts that work on vehicles see it as one, whose rows are all of the table's. */
export interface SliceContext extends VehicleContext {
  readId: string;
  number: number;
  table: string;
  /** The slice is the rows with fromId < id <= toId. */
  fromId: string;
  toId: string;
  /** Nothing is committed late in the slice any more: it lies below the overlap with the next run. */
  final: boolean;
  /** Whose rows of these the host is asked for; absent: everybody's. */
  only?: WantedVehicles | undefined;
}

export const workKeyOf = ({ runId, sliceId, slot }: SliceKey): VehicleSyncKey => ({ runId, vehicleId: sliceId, slot });

interface SliceRow {
  readId: string;
  number: number;
  of: number;
  table: string;
  serverId: string;
  fromId: string;
  toId: string;
  plannedRows: number;
  unwanted: Unwanted;
  final: boolean;
  circuit: Circuit;
  tableColumns: TableColumn[] | null;
  engine: string | null;
}

/** @throws Failure `NoClaim` when this run does not hold the slice (any more) */
export async function readSliceContext(pool: pg.Pool, { runId, sliceId }: SliceKey): Promise<SliceContext> {
  const { rows } = await pool.query<SliceRow>(
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
  const [row] = rows;
  if (row === undefined) {
    throw new Failure('NoClaim', `Reading ${sliceId} in run ${runId}: that run does not hold it (any more).`);
  }
  const { readId, number, table, serverId, fromId, toId, plannedRows, circuit, tableColumns, engine } = row;
  const label = sliceLabel(row);
  const own = { legacyVehicleId: null, partOf: null, priority: 0, enabled: true, watermark: fromId };
  return {
    readId,
    number,
    table,
    fromId,
    toId,
    final: row.final,
    only: row.unwanted === 'sent' ? undefined : await readWanted(pool, readId, row.unwanted),
    label,
    vehicle: { id: sliceId, label, serverId, table, ...own },
    server: await readLegacyServer(pool, serverId),
    circuit,
    tableColumns: tableColumns ?? [],
    engine,
    sync: {
      mode: 'delta',
      cursor: fromId,
      frozenTo: toId,
      cursorHead: null,
      plannedRows,
      capped: false,
      rows: 0,
      rangeRows: null,
      bytesPerRow: null,
      overlapRows: null,
    },
  };
}

/** A vehicle that is left out meanwhile is skipped here, and none comes to a read that has begun: the list of an earlier attempt has all of a later one. */
async function readWanted(
  pool: pg.Pool,
  readId: string,
  unwanted: WantedVehicles['unwanted'],
): Promise<WantedVehicles> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT vehicle.legacy_vehicle_id AS id FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
      WHERE ${OF_READ} AND sync.state = 'claimed' AND sync.left_out IS NULL ORDER BY sync.vehicle_id`,
    [readId],
  );
  return { unwanted, legacyVehicleIds: rows.map(({ id }) => id) };
}
