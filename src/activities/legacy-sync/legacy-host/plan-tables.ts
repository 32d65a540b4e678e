import { Failure } from '../../../errors.ts';
import type { SeenWindow } from '../fleet/legacy-planner.ts';
import { tableWarnings, vehicleObstacle } from './check-vehicle.ts';
import { databaseFailure } from './legacy-database-failure.ts';
import { countStatements, describeStatements, type PlanRequestVehicle } from './plan-statements.ts';
import { type MysqlAccess, runStatements, type StatementResults } from './run-statements.ts';
import { describeTables, hasIdIndex, type LegacyColumn, type TableDescription } from './table-description.ts';

export interface VehicleCount {
  vehicleId: string;
  /** Rows with id > fromId, counted up to the cap. */
  newRows: number;
  /** Rows in the window that the last import left, where they are not those it saw. */
  rereadRows: number;
  capped: boolean;
  /** The vehicle's highest id; "0" when it has no row. */
  maxId: string;
}

export interface TablesPlan {
  tables: Map<string, LegacyColumn[]>;
  vehicles: (VehicleCount | { vehicleId: string; failure: Failure })[];
  warnings: string[];
}

/** Vehicles counted by one client: some hundred index ranges of a few milliseconds, then the session goes back to the pool. */
const VEHICLES_PER_SESSION = 500;

/**
 * Counts the new rows of vehicles of one server, after looking how their tables are made: nothing scans a table unless the server
 * allows it. Errors of the host as a whole are thrown (LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied, LegacyQueryFailed);
 * a vehicle's own are in its answer (TableMissing, SchemaDrift, NoIndexOnVehicle, SourceReset).
 */
export async function planVehicles(
  access: MysqlAccess,
  requests: PlanRequestVehicle[],
  { countCap }: { countCap: number },
): Promise<TablesPlan> {
  const { server } = access;
  if (requests.length === 0) return { tables: new Map(), vehicles: [], warnings: [] };
  const samples = new Map(requests.map((request) => [request.vehicle.table, request] as const).reverse());
  const described = describeTables((await runStatements(access, describeStatements(server, samples))).rows);

  const vehicles: TablesPlan['vehicles'] = [];
  const countable = requests.filter(({ vehicle }) => {
    const obstacle = vehicleObstacle(vehicle, server, described.get(vehicle.table));
    if (obstacle) vehicles.push({ vehicleId: vehicle.id, failure: obstacle });
    return obstacle === null;
  });
  for (let at = 0; at < countable.length; at += VEHICLES_PER_SESSION) {
    vehicles.push(...(await count(access, countable.slice(at, at + VEHICLES_PER_SESSION), described, countCap)));
  }
  const warnings = [...samples].flatMap(([table, { vehicle }]) => {
    const description = described.get(table);
    return description && vehicleObstacle(vehicle, server, description) === null
      ? tableWarnings(table, server, vehicle, description)
      : [];
  });
  return { tables: columnsOf(described), vehicles, warnings };
}

const columnsOf = (described: Map<string, TableDescription>) =>
  new Map([...described].map(([table, { columns }]) => [table, columns] as const));

async function count(
  access: MysqlAccess,
  requests: PlanRequestVehicle[],
  described: Map<string, TableDescription>,
  countCap: number,
): Promise<TablesPlan['vehicles']> {
  const { server } = access;
  const indexed = [...new Set(requests.map(({ vehicle }) => vehicle.table))].filter((table) => {
    const description = described.get(table);
    return description !== undefined && hasIdIndex(description, server);
  });
  const results = await runStatements(access, countStatements(server, indexed, requests, countCap));
  const tableMax = new Map(results.rows.filter(([tag]) => tag === '#m').map(([, table, max]) => [table, max]));
  const counts = new Map(
    results.rows.filter(([tag]) => tag === '#v').map(([, vehicleId, ...rest]) => [vehicleId, rest]),
  );
  return requests.map(({ vehicle, fromId, seen }) => {
    const [rows, maxId, again, idSum] = counts.get(vehicle.id) ?? [];
    if (rows === undefined || maxId === undefined) return failed(results, access, vehicle);
    if (BigInt(maxId) > HIGHEST_ID) return { vehicleId: vehicle.id, failure: idTooLarge(access, vehicle, maxId) };
    const highest = tableMax.get(vehicle.table) ?? maxId;
    if (BigInt(highest) < BigInt(fromId))
      return { vehicleId: vehicle.id, failure: sourceReset(access, vehicle, highest, fromId) };
    const newRows = Number(rows);
    const rereadRows = isAsSeen(seen, Number(again), Number(idSum)) ? 0 : Number(again);
    const capped = newRows > countCap;
    return { vehicleId: vehicle.id, newRows: Math.min(newRows, countCap), rereadRows, capped, maxId };
  });
}

/** Where an id could not be read, more rows than were seen are all that can be noticed. */
function isAsSeen(seen: SeenWindow | null, rows: number, idSum: number): boolean {
  if (seen === null) return true;
  return seen.idSum === null ? rows <= seen.rows : rows === seen.rows && idSum === seen.idSum;
}

function failed(results: StatementResults, { server }: MysqlAccess, vehicle: PlanRequestVehicle['vehicle']) {
  const error = results.failed.find(({ about }) => about.vehicleId === vehicle.id)?.error ?? 0;
  const doing = `Counting new rows of vehicle ${vehicle.id} in ${server.id}.${server.database}.${vehicle.table}`;
  return { vehicleId: vehicle.id, failure: databaseFailure(doing, error) };
}

/** A BIGINT UNSIGNED goes on where PostgreSQL's bigint, and with it every watermark, ends. */
const HIGHEST_ID = 2n ** 63n - 1n;

function idTooLarge({ server }: MysqlAccess, vehicle: PlanRequestVehicle['vehicle'], maxId: string) {
  return new Failure(
    'SchemaDrift',
    `Planning vehicle ${vehicle.id}: it has a row with ${server.columns.id} ${maxId} in ${server.id}.${server.database}.${vehicle.table}, and ids up to ${HIGHEST_ID} can be followed. Nothing of the vehicle is synced. Give that row another id there, or remove it.`,
  );
}

function sourceReset({ server }: MysqlAccess, vehicle: PlanRequestVehicle['vehicle'], highest: string, fromId: string) {
  return new Failure(
    'SourceReset',
    `Planning vehicle ${vehicle.id}: the highest id in ${server.id}.${server.database}.${vehicle.table} is ${highest}, below our watermark ${fromId}. The table was emptied, restored or renumbered, or this is a replica that lags. Nothing is synced until an operator has looked: if the ids really began anew, set the vehicle's watermark.`,
  );
}
