import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import type { HostLoad } from '../../../pool/adaptive-limit.ts';
import type { Compressors } from './compression.ts';
import { ofWanted, orderOf, type WantedVehicles } from './wanted-vehicles.ts';
import { id } from './plan-statements.ts';
import { rowKey } from './row-key.ts';
import type { RowReader } from './choose-reader.ts';
import { type RemoteDir, workTag } from './remote-path.ts';

export interface ExportRequest {
  server: LegacyServer;
  vehicle: Vehicle;
  /** Only these vehicles' rows of a table that many share; absent: all that `vehicle` stands for. */
  only?: WantedVehicles | undefined;
  reader: RowReader;
  dir: RemoteDir;
  password: string | null;
  /** The range begins above this id (decimal); `overlapIds` ids at and below it are read again. */
  cursor: string;
  overlapIds: number;
  /** Rows above it came after the run began. */
  frozenToId: string;
  /**
   * Nothing is committed late among these ids any more, so they are counted on the host once. Elsewhere a late row between count and dump would cost an
   * attempt: it is found by counting again after the dump, on the host. Either way the dump must have as many rows as were counted.
   */
  final?: boolean | undefined;
  /** null where no more rows were counted than fit into one range: what came since then is few. */
  rangeRows: number | null;
  compressors: Compressors;
  niceness: number;
  timeoutMs: number;
  minFreeBytes: number;
  /** What each program may have in memory there. */
  memoryBytes: number;
  /** Bytes written so far, about once a second. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** What the host said of its load, when the dump was done. */
  onLoad?: ((load: HostLoad) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Lowest id of the range; 1 stands for all that lie below it, too. */
export function fromId({ cursor, overlapIds }: Pick<ExportRequest, 'cursor' | 'overlapIds'>): string {
  const from = BigInt(cursor) + 1n - BigInt(overlapIds);
  return String(from < 1n ? 1n : from);
}

/** The last id of the range, its rows, and whether one of them is above the cursor, in one answer. */
export function boundsStatement(request: ExportRequest): string {
  const { server, vehicle, rangeRows, cursor, frozenToId } = request;
  const [key, table, own] = [rowKey(server.columns), name(vehicle.table), ofWanted(request)];
  const frozen = id(frozenToId);
  return (
    // The same client is asked again after the dump, however long that takes.
    "SET SESSION wait_timeout = 86400, time_zone = '+00:00'; " +
    (rangeRows === null
      ? `SET @last = ${frozen}; `
      : `SET @last = GREATEST(${id(cursor)} + 1, COALESCE((SELECT ${key.sql} FROM ${table} WHERE ${own}${key.above(cursor)} AND ${key.upTo(frozen, frozenToId)} ` +
        `ORDER BY ${key.sql} LIMIT ${rangeRows - 1}, 1), ${frozen})); `) +
    `SELECT @last, COUNT(*), COALESCE(${cursor === '0' ? 'COUNT(*) > 0' : `MAX(${key.sql}) > ${id(cursor)}`}, 0) FROM ${table} ` +
    `WHERE ${own}${key.from(fromId(request))} AND ${key.upTo('@last', frozenToId)}`
  );
}

/** Conditions up to the upper bound, which the script knows first. Each vehicle's rows in id order: equal local times of a DST fold are told apart by it. */
export function rangeParts(
  request: Pick<ExportRequest, 'server' | 'vehicle' | 'only' | 'dir' | 'cursor' | 'overlapIds' | 'frozenToId'>,
): {
  table: string;
  before: string;
  after: string;
} {
  const { server, vehicle, frozenToId, only } = request;
  const key = rowKey(server.columns);
  return {
    table: name(vehicle.table),
    before: `${ofWanted(request)}${key.from(fromId(request))} AND ${key.upTo('', frozenToId)}`,
    after: ` ORDER BY ${orderOf(server, only)}${key.sql} /* ${workTag(request.dir)} */`,
  };
}
