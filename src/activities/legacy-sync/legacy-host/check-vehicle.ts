import { Failure } from '../../../errors.ts';
import { keyColumn, mappedColumns } from '../../../settings/column-mapping.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { typeProblem, typesOf } from '../dump/row-plan.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { isDumpable, isRounded } from './choose-reader.ts';
import { deltaAccess, isColumn, type TableDescription } from './table-description.ts';
import { INTEGERS } from './vehicle-column.ts';

/** What forbids reading this vehicle, or null. Codes: TableMissing, InvalidConfiguration, SchemaDrift, IdNotUnique, NoIndexOnVehicle. */
export function vehicleObstacle(
  vehicle: Vehicle,
  server: LegacyServer,
  table: TableDescription | undefined,
  reader: LegacySyncSettings['reader'],
): Failure | null {
  const where = `${server.id}.${server.database}.${vehicle.table}`;
  if (table === undefined || table.columns.length === 0) {
    return new Failure(
      'TableMissing',
      `Planning vehicle ${vehicle.id}: there is no table ${where}, or our user may not read it. Correct the vehicle's table, or grant SELECT on it.`,
    );
  }
  if (reader === 'mysqldump' && !isDumpable(table.engine)) {
    return new Failure(
      'InvalidConfiguration',
      `Planning vehicle ${vehicle.id}: ${where} is ${table.engine === '-' ? 'a view' : `a ${table.engine} table`}, of which mysqldump writes no row. Set legacy_sync.export.reader to auto, or name the table behind it.`,
    );
  }
  const found = { vehicle, server, table, where };
  return mappingObstacle(found) ?? uniqueObstacle(found) ?? indexObstacle(found);
}

interface DescribedTable {
  vehicle: Vehicle;
  server: LegacyServer;
  table: TableDescription;
  /** The table's name for messages. */
  where: string;
}

function mappingObstacle({ vehicle, server, table, where }: DescribedTable) {
  const wanted = [...new Set(mappedColumns(server.columns).map(({ column }) => column))];
  const missing = wanted.filter((column) => columnOf(table, column) === undefined);
  if (missing.length > 0) {
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id}: ${where} has no column ${missing.join(', ')} (it has ${table.columns
        .map(({ name }) => name)
        .join(', ')
        .slice(0, 500)}). Correct the column mapping of ${server.id}.`,
    );
  }
  const problem = typeProblem(server.columns, typesOf(table.columns));
  if (problem !== null) {
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id} of ${where}: ${problem} Correct the column mapping of ${server.id}.`,
    );
  }
  const id = typeof server.columns.id === 'string' ? columnOf(table, server.columns.id) : undefined;
  if (id !== undefined && !INTEGERS.includes(id.dataType)) {
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id}: column ${id.name} of ${where} is ${id.columnType}, and rows are told apart, and what is new from what is not, by an integer that grows. Map another column as id of ${server.id}.`,
    );
  }
  const owner = columnOf(table, server.columns.vehicle);
  const { legacyVehicleId } = vehicle;
  if (
    owner !== undefined &&
    legacyVehicleId !== null &&
    INTEGERS.includes(owner.dataType) &&
    !/^-?\d+$/.test(legacyVehicleId)
  ) {
    // MySQL would compare it as the number it begins with, or as 0: another vehicle's rows.
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id}: column ${owner.name} of ${where} is ${owner.columnType}, and the vehicle's id there, ${legacyVehicleId}, is no integer. Correct the vehicle.`,
    );
  }
  return null;
}

/** Column names are case-insensitive in MySQL. */
const columnOf = ({ columns }: TableDescription, wanted: string | undefined) =>
  columns.find(({ name }) => name.toLowerCase() === wanted?.toLowerCase());

/**
 * A unique index that needs more than the id to tell a vehicle's rows apart, where no other needs less: two rows may share an id. One that the
 * server counts up, and those of a partitioned table, whose unique indexes are wider by MySQL's own rule, are left to what an import finds.
 */
function uniqueObstacle({ vehicle, server, table, where }: DescribedTable) {
  const { id, scope = {}, vehicle: owner } = server.columns;
  if (typeof id !== 'string' || table.partitioned || isColumn(table.autoIncrement ?? undefined, id)) return null;
  const own = [...Object.keys(scope), ...(owner === undefined ? [] : [owner]), id];
  const isOwn = (column: string): boolean => own.some((each) => isColumn(column, each));
  if (table.uniqueIndexes.some((index) => index.every(isOwn))) return null;
  const wider = table.uniqueIndexes.find((index) => index.some((column) => isColumn(column, id)));
  if (wider === undefined) return null;
  return new Failure(
    'IdNotUnique',
    `Planning vehicle ${vehicle.id}: ${where} tells its rows apart by (${wider.join(', ')}), and by nothing less, so two rows of a vehicle may have the same ${id}, ` +
      `and one would be dropped as a duplicate. Map as id of ${server.id} a column that is unique, or {"time", "columns"} with those of that index.`,
  );
}

function indexObstacle({ vehicle, server, table, where }: DescribedTable) {
  if (server.limits.allowTableScan || deltaAccess(table, server, vehicle) !== 'scan') return null;
  if (table.engine === '-' && table.access === null) {
    return new Failure(
      'NoIndexOnVehicle',
      `Planning vehicle ${vehicle.id}: ${where} is a view, and ${server.mysqlUser} may not EXPLAIN it, so nothing says whether each sync would read everything behind it. GRANT SHOW VIEW on it (and SELECT on the tables behind it), or set limits.allowTableScan of ${server.id}.`,
    );
  }
  const columns = [...Object.keys(server.columns.scope ?? {}), server.columns.vehicle, keyColumn(server.columns)]
    .filter((column) => column !== undefined)
    .join(', ');
  return new Failure(
    'NoIndexOnVehicle',
    `Planning vehicle ${vehicle.id}: no index of ${where} leads to its new rows, so each sync would read the whole table. Create an index on (${columns}) there, or set limits.allowTableScan of ${server.id}.`,
  );
}

/** What an operator should know about a table that can be read. */
export function tableWarnings(
  server: LegacyServer,
  vehicle: Vehicle,
  table: TableDescription,
  reader: LegacySyncSettings['reader'],
): string[] {
  const tableName = vehicle.table;
  const warnings = [];
  for (const source of [server.columns.latitude, server.columns.longitude]) {
    const mapped = typeof source === 'string' ? source : source.column;
    const column = columnOf(table, mapped);
    if (reader === 'mysqldump' && column !== undefined && isRounded(column)) {
      warnings.push(
        `${server.id}: ${tableName}.${mapped} is FLOAT, of which mysqldump prints six digits: positions may be off by up to 50 m. legacy_sync.export.reader auto reads what is stored.`,
      );
    }
  }
  const access = deltaAccess(table, server, vehicle);
  if (access === 'vehicle')
    warnings.push(
      `${server.id}: no index of ${tableName} continues with ${keyColumn(server.columns)}, so each sync reads all rows of its vehicle.`,
    );
  if (access === 'scan')
    warnings.push(`${server.id}: each sync reads the whole of ${tableName}, as allowTableScan permits.`);
  return warnings;
}
