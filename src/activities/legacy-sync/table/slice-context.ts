import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import { legacyIdsOfRead, readClaimedSlice } from '../../../records/claimed-slice.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
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

/** @throws Failure `NoClaim` when this run does not hold the slice (any more) */
export async function readSliceContext(pool: pg.Pool, { runId, sliceId }: SliceKey): Promise<SliceContext> {
  const row = await readClaimedSlice<Circuit>(pool, { runId, sliceId });
  if (row === null) {
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

/**
 * A vehicle that is left out meanwhile is skipped here, and no vehicle joins a read that has begun. So the list of an earlier attempt has every
 * vehicle of a later one.
 */
async function readWanted(
  pool: pg.Pool,
  readId: string,
  unwanted: WantedVehicles['unwanted'],
): Promise<WantedVehicles> {
  return { unwanted, legacyVehicleIds: await legacyIdsOfRead(pool, readId) };
}
