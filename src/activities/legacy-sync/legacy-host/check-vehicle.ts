import { Failure } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { deltaAccess, type TableDescription } from './table-description.ts';

const INTEGERS = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];

/** What forbids reading this vehicle, or null. Codes: TableMissing, SchemaDrift, NoIndexOnVehicle. */
export function vehicleObstacle(
  vehicle: Vehicle,
  server: LegacyServer,
  table: TableDescription | undefined,
): Failure | null {
  const where = `${server.id}.${server.database}.${vehicle.table}`;
  if (table === undefined || table.columns.length === 0) {
    return new Failure(
      'TableMissing',
      `Planning vehicle ${vehicle.id}: there is no table ${where}, or our user may not read it. Correct the vehicle's table, or grant SELECT on it.`,
    );
  }
  return mappingObstacle(vehicle, server, table, where) ?? indexObstacle(vehicle, server, table, where);
}

function mappingObstacle(vehicle: Vehicle, server: LegacyServer, table: TableDescription, where: string) {
  const { attributes, ...mapped } = server.columns;
  const wanted = [...Object.values(mapped), ...Object.values(attributes)];
  const missing = wanted.filter((column) => !table.columns.some(({ name }) => name === column));
  if (missing.length > 0) {
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id}: ${where} has no column ${missing.join(', ')} (it has ${table.columns
        .map(({ name }) => name)
        .join(', ')
        .slice(0, 500)}). Correct the column mapping of ${server.id}.`,
    );
  }
  const id = table.columns.find(({ name }) => name === server.columns.id);
  if (id !== undefined && !INTEGERS.includes(id.dataType)) {
    return new Failure(
      'SchemaDrift',
      `Planning vehicle ${vehicle.id}: column ${id.name} of ${where} is ${id.columnType}, and rows are told apart, and what is new from what is not, by an integer that grows. Map another column as id of ${server.id}.`,
    );
  }
  const owner = table.columns.find(({ name }) => name === server.columns.vehicle);
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

function indexObstacle(vehicle: Vehicle, server: LegacyServer, table: TableDescription, where: string) {
  if (server.limits.allowTableScan || deltaAccess(table, server, vehicle) !== 'scan') return null;
  const columns = [server.columns.vehicle, server.columns.id].filter((column) => column !== undefined).join(', ');
  return new Failure(
    'NoIndexOnVehicle',
    `Planning vehicle ${vehicle.id}: no index of ${where} leads to its new rows, so each sync would read the whole table. Create an index on (${columns}) there, or set limits.allowTableScan of ${server.id}.`,
  );
}

/** What an operator should know of a table that can be read. */
export function tableWarnings(
  tableName: string,
  server: LegacyServer,
  vehicle: Vehicle,
  table: TableDescription,
): string[] {
  const warnings = [];
  for (const mapped of [server.columns.latitude, server.columns.longitude]) {
    const column = table.columns.find(({ name }) => name === mapped);
    // FLOAT(10,6) prints its six decimals; plain FLOAT prints six digits in all.
    if (column?.dataType === 'float' && !column.columnType.includes('(')) {
      warnings.push(
        `${server.id}: ${tableName}.${mapped} is FLOAT, of which mysqldump prints six digits: positions may be off by up to 50 m. ALTER it to DOUBLE to keep what is stored.`,
      );
    }
  }
  const access = deltaAccess(table, server, vehicle);
  if (access === 'vehicle')
    warnings.push(
      `${server.id}: no index of ${tableName} continues with ${server.columns.id}, so each sync reads all rows of its vehicle.`,
    );
  if (access === 'scan')
    warnings.push(`${server.id}: each sync reads the whole of ${tableName}, as allowTableScan permits.`);
  return warnings;
}
