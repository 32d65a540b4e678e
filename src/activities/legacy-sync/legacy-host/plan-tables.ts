import type { Failure } from '../../../errors.ts';
import type { SeenWindow } from '../../../records/synced-vehicles.ts';
import { tableWarnings, vehicleObstacle } from './check-vehicle.ts';
import { countFailed, filledAgain, HIGHEST_ID, idTooLarge, sourceReset } from './plan-failures.ts';
import { chooseTogether, countNewest, type NewestRows, newestStatement } from './count-together.ts';
import { markStatements, type OtherRow, otherRows } from './check-marks.ts';
import { countStatements, describeStatements, newestStatements, type PlanRequestVehicle } from './plan-statements.ts';
import { type MysqlAccess, type MysqlSession, runStatements } from './run-statements.ts';
import type { TableSpan } from '../../../records/legacy-tables.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { IDENTIFIER } from '../../../settings/mysql-identifier.ts';
import { describeTables, hasIdIndex, hasVehicleIndex, idIndex, type TableDescription } from './table-description.ts';
import { isIntegerColumn, tellsVehicles } from './vehicle-column.ts';

export interface VehicleCount {
  vehicleId: string;
  /** Rows with id > fromId, counted up to the cap. */
  newRows: number;
  /** Rows in the window below the watermark when they are not those that the last import saw there; else 0. */
  rereadRows: number;
  capped: boolean;
  /** The vehicle's highest id; "0" when it has no row. */
  maxId: string;
}

export interface TablesPlan {
  tables: Map<string, TableDescription>;
  /** Of tables whose id an index leads to. */
  spans: Map<string, TableSpan>;
  vehicles: (VehicleCount | { vehicleId: string; failure: Failure })[];
  warnings: string[];
  /** What the server said of itself; null when it was asked nothing. */
  session: MysqlSession | null;
}

/** Vehicles that one session counts: some hundred index ranges of a few milliseconds each, then the pool may lend it to others. */
const VEHICLES_PER_SESSION = 500;

/**
 * Counts the new rows of vehicles of one server, after looking how their tables are made: nothing scans a table unless the server
 * allows it. Errors of the host as a whole are thrown (LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied, LegacyQueryFailed);
 * a vehicle's own are in its answer (TableMissing, SchemaDrift, NoIndexOnVehicle, SourceReset).
 */
export async function planVehicles(
  access: MysqlAccess,
  requests: PlanRequestVehicle[],
  { countCap, reader }: { countCap: number; reader: LegacySyncSettings['reader'] },
): Promise<TablesPlan> {
  const { server } = access;
  if (requests.length === 0) return { tables: new Map(), spans: new Map(), vehicles: [], warnings: [], session: null };
  const samples = new Map(requests.map((request) => [request.vehicle.table, request] as const).reverse());
  const { rows, session } = await runStatements(access, describeStatements(server, samples));
  const described = describeTables(rows, samples.keys());

  const obstacleOf = (vehicle: Vehicle) => vehicleObstacle(vehicle, server, described.get(vehicle.table), reader);
  const vehicles: TablesPlan['vehicles'] = [];
  const spans: TablesPlan['spans'] = new Map();
  const countable = requests.filter(({ vehicle }) => {
    const obstacle = obstacleOf(vehicle);
    if (obstacle) vehicles.push({ vehicleId: vehicle.id, failure: obstacle });
    return obstacle === null;
  });
  const together = await countByLists(access, countable, { described, countCap, spans });
  vehicles.push(...together.values());
  const apart = countable.filter(({ vehicle }) => !together.has(vehicle.id));
  for (let at = 0; at < apart.length; at += VEHICLES_PER_SESSION) {
    vehicles.push(...(await count(access, apart.slice(at, at + VEHICLES_PER_SESSION), { described, countCap, spans })));
  }
  const warnings = [...samples].flatMap(([table, { vehicle }]) => {
    const description = described.get(table);
    return description && obstacleOf(vehicle) === null ? tableWarnings(server, vehicle, description, reader) : [];
  });
  return { tables: described, spans, vehicles, warnings, session };
}

interface Known {
  described: Map<string, TableDescription>;
  countCap: number;
  /** Filled as it becomes known. */
  spans: TablesPlan['spans'];
}

/** Counts vehicles from a list of their table's newest ids, where that costs less; those that it does not tell for certain are left. */
async function countByLists(
  access: MysqlAccess,
  requests: PlanRequestVehicle[],
  { described, countCap, spans }: Known,
): Promise<Map<string, VehicleCount>> {
  const { server } = access;
  const lists = byTable(requests).flatMap(([table, ofTable]) => {
    const description = described.get(table)!;
    const [index, vehicleColumn] = [idIndex(description, server), server.columns.vehicle];
    if (index === undefined || !IDENTIFIER.test(index)) return [];
    if (vehicleColumn === undefined || !tellsVehicles(description.columns, vehicleColumn)) return [];
    const list = chooseTogether(table, ofTable);
    return list === null ? [] : [{ ...list, ...newestStatement(server, list, { index, vehicleColumn }) }];
  });
  const counts = new Map<string, VehicleCount>();
  if (lists.length === 0) return counts;
  const marked = lists.map(({ table, requests: ofTable }) => markedTable(server, table, ofTable, described));
  const marks = marked.flatMap((each) => markStatements(server, each));
  const { rows, failed: without } = await runStatements(access, newestStatements(server, lists, marks));
  const others = othersOf(server, marked, rows);
  noteSpans(server, rows, { described, spans });
  for (const list of lists) {
    if (without.some(({ about }) => about.table === list.table)) continue;
    const ofTable = rows.flatMap(([tag, table, vehicle = '', id = '']) =>
      tag === '#p' && table === list.table ? [[vehicle, id] as const] : [],
    );
    const numbers = isIntegerColumn(described.get(list.table)!.columns, server.columns.vehicle);
    const found = countNewest(list, ofTable, { numbers });
    const highest = spans.get(list.table)?.maxId ?? 0n;
    for (const request of list.requests) {
      const newest = found?.get(request.vehicle.id);
      // What is to be said of a table that began anew, and of an id that is too large, is said where vehicles are counted one by one.
      if (newest === undefined || highest < BigInt(request.fromId) || highest > HIGHEST_ID) continue;
      if (others.has(request.vehicle.id)) continue;
      counts.set(request.vehicle.id, countOf(request, newest, countCap));
    }
  }
  return counts;
}

function markedTable(
  server: LegacyServer,
  table: string,
  requests: readonly PlanRequestVehicle[],
  described: Map<string, TableDescription>,
) {
  const description = described.get(table)!;
  return { table, columns: description.columns, requests, byId: hasIdIndex(description, server) };
}

function othersOf(
  server: LegacyServer,
  marked: ReturnType<typeof markedTable>[],
  rows: string[][],
): Map<string, OtherRow> {
  return new Map(marked.flatMap((each) => [...otherRows(server, each, rows)]));
}

function countOf({ vehicle, fromId, seen }: PlanRequestVehicle, newest: NewestRows, countCap: number): VehicleCount {
  const { newRows, windowRows, windowIdSum } = newest;
  return {
    vehicleId: vehicle.id,
    newRows: Math.min(newRows, countCap),
    rereadRows: isAsSeen(seen, windowRows, windowIdSum) ? 0 : windowRows,
    capped: newRows > countCap,
    maxId: String(newest.maxId ?? fromId),
  };
}

function byTable(requests: PlanRequestVehicle[]): [string, PlanRequestVehicle[]][] {
  const tables = new Map<string, PlanRequestVehicle[]>();
  for (const request of requests) {
    const ofTable = tables.get(request.vehicle.table);
    if (ofTable) ofTable.push(request);
    else tables.set(request.vehicle.table, [request]);
  }
  return [...tables];
}

function noteSpans(server: LegacyServer, rows: string[][], { described, spans }: Omit<Known, 'countCap'>): void {
  for (const [tag, table = '', maxId = '0', minId = '0'] of rows) {
    if (tag !== '#m') continue;
    const description = described.get(table);
    const byVehicle = description !== undefined && hasVehicleIndex(description, server);
    const { rows = 0, uniqueIndexes = [] } = description ?? {};
    const uniqueIds = uniqueIndexes.some((index) => isOnly(index, server.columns.id));
    spans.set(table, { minId: BigInt(minId), maxId: BigInt(maxId), rows, byVehicle, uniqueIds });
  }
}

/** Names of columns have no case in MySQL. */
const isOnly = (index: readonly string[], id: LegacyServer['columns']['id']): boolean =>
  typeof id === 'string' && index.length === 1 && index[0]!.toLowerCase() === id.toLowerCase();

/** By the server's guess, which is off by a half at times: then a little more is counted than had to be. */
const smallTables = (described: Map<string, TableDescription>, countCap: number): Set<string> =>
  new Set([...described].flatMap(([table, { rows }]) => (rows > 0 && rows <= countCap ? [table] : [])));

async function count(
  access: MysqlAccess,
  requests: PlanRequestVehicle[],
  { described, countCap, spans }: Known,
): Promise<TablesPlan['vehicles']> {
  const { server } = access;
  const indexed = [...new Set(requests.map(({ vehicle }) => vehicle.table))].filter((table) => {
    const description = described.get(table);
    return description !== undefined && hasIdIndex(description, server);
  });
  const marked = byTable(requests).map(([table, ofTable]) => markedTable(server, table, ofTable, described));
  const marks = marked.flatMap((each) => markStatements(server, each));
  const results = await runStatements(
    access,
    countStatements(server, {
      tables: indexed,
      small: smallTables(described, countCap),
      vehicles: requests,
      countCap,
      marks,
    }),
  );
  const others = othersOf(server, marked, results.rows);
  const tableMax = new Map(results.rows.filter(([tag]) => tag === '#m').map(([, table, max]) => [table, max]));
  noteSpans(server, results.rows, { described, spans });
  const counts = new Map(
    results.rows.filter(([tag]) => tag === '#v').map(([, vehicleId, ...rest]) => [vehicleId, rest]),
  );
  return requests.map(({ vehicle, fromId, seen }) => {
    const [rows, maxId, again, idSum] = counts.get(vehicle.id) ?? [];
    if (rows === undefined || maxId === undefined)
      return { vehicleId: vehicle.id, failure: countFailed(results, access, vehicle) };
    if (BigInt(maxId) > HIGHEST_ID) return { vehicleId: vehicle.id, failure: idTooLarge(access, vehicle, maxId) };
    const highest = tableMax.get(vehicle.table) ?? maxId;
    // A vehicle that has no row left has none that began anew.
    const emptied = typeof server.columns.id !== 'string' && maxId === '0';
    if (!emptied && fromId !== '0' && BigInt(highest) < BigInt(fromId))
      return { vehicleId: vehicle.id, failure: sourceReset(access, vehicle, { highest, fromId }) };
    const other = others.get(vehicle.id);
    if (other !== undefined) return { vehicleId: vehicle.id, failure: filledAgain(access, vehicle, { other, fromId }) };
    const newRows = Number(rows);
    const rereadRows = isAsSeen(seen, Number(again), Number(idSum)) ? 0 : Number(again);
    const capped = newRows > countCap;
    // A watermark is never below 1 once there is a row, whatever its id.
    const head = newRows > 0 && BigInt(maxId) < 1n ? '1' : maxId;
    return { vehicleId: vehicle.id, newRows: Math.min(newRows, countCap), rereadRows, capped, maxId: head };
  });
}

/** Without a sum of ids (one could not be read) only a larger number of rows shows that the window changed. */
function isAsSeen(seen: SeenWindow | null, rows: number, idSum: number): boolean {
  if (seen === null) return true;
  return seen.idSum === null ? rows <= seen.rows : rows === seen.rows && idSum === seen.idSum;
}
