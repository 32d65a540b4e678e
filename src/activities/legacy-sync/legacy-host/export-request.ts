import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { Compressors } from './compression.ts';
import { id, name, ofVehicle } from './plan-statements.ts';
import { type RemoteDir, workTag } from './remote-path.ts';

export interface ExportRequest {
  server: LegacyServer;
  vehicle: Vehicle;
  dir: RemoteDir;
  password: string | null;
  /** The range begins above this id (decimal); `overlapIds` ids at and below it are read again. */
  cursor: string;
  overlapIds: number;
  /** Rows above it came after the run began. */
  frozenToId: string;
  /** null where no more rows were counted than fit into one range: what came since then is few. */
  rangeRows: number | null;
  compressors: Compressors;
  niceness: number;
  timeoutMs: number;
  minFreeBytes: number;
  /** Bytes written so far, about once a second. */
  onProgress?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Lowest id of the range: ids begin at 1. */
export function fromId({ cursor, overlapIds }: Pick<ExportRequest, 'cursor' | 'overlapIds'>): string {
  const from = BigInt(cursor) + 1n - BigInt(overlapIds);
  return String(from < 1n ? 1n : from);
}

/** The last id of the range, its rows, and whether one of them is above the cursor, in one answer. */
export function boundsStatement(request: ExportRequest): string {
  const { server, vehicle, rangeRows } = request;
  const [key, table, own] = [name(server.columns.id), name(vehicle.table), ofVehicle(server, vehicle)];
  const [cursor, frozen] = [id(request.cursor), id(request.frozenToId)];
  return (
    // The same client is asked again after the dump, however long that takes.
    'SET SESSION wait_timeout = 86400; ' +
    (rangeRows === null
      ? `SET @last = ${frozen}; `
      : `SET @last = COALESCE((SELECT ${key} FROM ${table} WHERE ${own}${key} > ${cursor} AND ${key} <= ${frozen} ` +
        `ORDER BY ${key} LIMIT ${rangeRows - 1}, 1), ${frozen}); `) +
    `SELECT @last, COUNT(*), COALESCE(MAX(${key}) > ${cursor}, 0) FROM ${table} ` +
    `WHERE ${own}${key} >= ${fromId(request)} AND ${key} <= @last`
  );
}

/** Conditions up to the upper bound, which the script knows first. In id order: equal local times of a DST fold are told apart by it. */
export function rangeParts(request: Pick<ExportRequest, 'server' | 'vehicle' | 'dir' | 'cursor' | 'overlapIds'>): {
  table: string;
  before: string;
  after: string;
} {
  const { server, vehicle } = request;
  const key = name(server.columns.id);
  return {
    table: name(vehicle.table),
    before: `${ofVehicle(server, vehicle)}${key} >= ${fromId(request)} AND ${key} <= `,
    after: ` ORDER BY ${key} /* ${workTag(request.dir)} */`,
  };
}
