import { z } from 'zod';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { LegacyServer, Vehicle } from '../settings/legacy-server.ts';
import { MAX_BIGINT } from '../settings/max-bigint.ts';
import { identifierSchema, VEHICLE_KEY } from '../settings/mysql-identifier.ts';

const bigintText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,18})$/)
  .refine((text) => BigInt(text) <= MAX_BIGINT, 'is larger than a bigint');

/** The columns of `vehicles` that an operator writes. */
export const vehicleSchema = z.strictObject({
  id: bigintText.refine((text) => text !== '0', 'must be above 0'),
  label: z.string().min(1),
  serverId: z.string().min(1),
  table: identifierSchema,
  legacyVehicleId: z
    .string()
    .regex(
      VEHICLE_KEY,
      'is no key we are ready to use: 1 to 255 characters, no quotes, backslashes or control characters',
    )
    .nullable()
    .default(null),
  /** Left out: as it is, and none of a new vehicle. */
  partOf: bigintText.nullable().optional(),
  priority: z.number().int().min(-1_000_000).max(1_000_000).default(0),
  enabled: z.boolean().default(true),
});
export type VehicleInput = z.input<typeof vehicleSchema>;

/** SQL for the fields of a Vehicle, from `vehicles AS vehicle`. */
export const VEHICLE_COLUMNS = `vehicle.id, vehicle.label, vehicle.server_id AS "serverId", vehicle.legacy_table AS "table",
  vehicle.legacy_vehicle_id AS "legacyVehicleId", vehicle.part_of AS "partOf", vehicle.priority, vehicle.enabled, vehicle.watermark`;

/** The vehicles with these ids (decimal strings), or all, by id. An id without a row is left out. */
export async function readVehicles(database: Queryable, ids?: readonly string[]): Promise<Vehicle[]> {
  const { rows } = await database.query<Vehicle>(
    `SELECT ${VEHICLE_COLUMNS} FROM vehicles AS vehicle WHERE $1::bigint[] IS NULL OR id = ANY($1) ORDER BY id`,
    [ids ?? null],
  );
  return rows;
}

/** The parts of these vehicles: their rows in other tables. Ordered by id. */
export async function readParts(database: Queryable, wholes: readonly string[]): Promise<Vehicle[]> {
  const { rows } = await database.query<Vehicle>(
    `SELECT ${VEHICLE_COLUMNS} FROM vehicles AS vehicle WHERE part_of = ANY($1) ORDER BY id`,
    [wholes],
  );
  return rows;
}

/** Reads one vehicle. Errors: UnknownVehicle. */
export async function readVehicle(database: Queryable, id: string): Promise<Vehicle> {
  const [vehicle] = bigintText.safeParse(id).success ? await readVehicles(database, [id]) : [];
  if (!vehicle)
    throw new Failure(
      'UnknownVehicle',
      `There is no vehicle ${id}. \`fleetgraph vehicles list\` shows those there are, \`vehicles put\` adds one.`,
    );
  return vehicle;
}

export async function isVehicle(database: Queryable, id: string): Promise<boolean> {
  return (await readVehicles(database, [id])).length > 0;
}

/** How many vehicles have an id from the first to the last. */
export async function countVehiclesBetween(database: Queryable, first: bigint, last: bigint): Promise<number> {
  const { rows } = await database.query<{ vehicles: number }>(
    'SELECT count(*)::float8 AS vehicles FROM vehicles WHERE id BETWEEN $1 AND $2',
    [first, last],
  );
  return rows[0]!.vehicles;
}

/** The enabled vehicles of a legacy server, by id. */
export async function enabledVehiclesOf(database: Queryable, serverId: string): Promise<Vehicle[]> {
  const { rows } = await database.query<Vehicle>(
    `SELECT ${VEHICLE_COLUMNS} FROM vehicles AS vehicle WHERE server_id = $1 AND enabled ORDER BY id`,
    [serverId],
  );
  return rows;
}

/** Adds a vehicle. Errors: InvalidConfiguration, naming every field that is not allowed, or how the vehicle and its server do not fit. */
export async function insertVehicle(database: Queryable, input: VehicleInput, server: LegacyServer): Promise<Vehicle> {
  const vehicle = parseVehicle(input, server);
  await refuseTakenPlace(database, vehicle);
  await refuseNoWhole(database, vehicle);
  const { rows } = await database.query<Vehicle>(
    `INSERT INTO vehicles AS vehicle (id, label, server_id, legacy_table, legacy_vehicle_id, priority, enabled, part_of)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${VEHICLE_COLUMNS}`,
    valuesOf(vehicle),
  );
  return onlyRow(rows, vehicle.id);
}

/**
 * Writes every column but the watermark, which only an import moves. Once the watermark has moved, the columns that say which rows are read
 * must stay.
 * Errors: InvalidConfiguration, UnknownVehicle.
 */
export async function updateVehicle(database: Queryable, input: VehicleInput, server: LegacyServer): Promise<Vehicle> {
  const parsed = parseVehicle(input, server);
  const known = await readVehicle(database, parsed.id);
  const vehicle = { ...parsed, partOf: parsed.partOf === undefined ? known.partOf : parsed.partOf };
  await refuseTakenPlace(database, vehicle);
  await refuseNoWhole(database, vehicle);
  const { rows } = await database.query<Vehicle>(
    `UPDATE vehicles AS vehicle
        SET label = $2, server_id = $3, legacy_table = $4, legacy_vehicle_id = $5, priority = $6, enabled = $7, part_of = $8
     WHERE id = $1 AND (watermark = 0 OR (server_id, legacy_table, legacy_vehicle_id) IS NOT DISTINCT FROM ($3, $4, $5))
     RETURNING ${VEHICLE_COLUMNS}`,
    valuesOf(vehicle),
  );
  if (rows.length === 0) await refuseOtherSource(database, vehicle.id);
  return onlyRow(rows, vehicle.id);
}

/**
 * Why a vehicle does not fit its server; null when it fits. The rows of a shared table are selected by its vehicle column, and a vehicle's
 * own table has no such column: a mix-up would store one vehicle's positions under another.
 */
export function misfit(vehicle: Pick<Vehicle, 'id' | 'legacyVehicleId'>, server: LegacyServer): string | null {
  const column = server.columns.vehicle;
  if (column !== undefined && vehicle.legacyVehicleId === null) {
    return `vehicle ${vehicle.id} has no legacy vehicle id, and the tables of ${server.id} are shared: column ${column} says whose a row is`;
  }
  if (column === undefined && vehicle.legacyVehicleId !== null) {
    return `vehicle ${vehicle.id} has legacy vehicle id ${vehicle.legacyVehicleId}, and the column mapping of ${server.id} names no vehicle column`;
  }
  return null;
}

/**
 * Refuses a change of where the vehicle is read from. Rows elsewhere have ids of their own, and those up to the watermark would be skipped
 * silently.
 */
async function refuseOtherSource(database: Queryable, id: string): Promise<void> {
  const [known] = await readVehicles(database, [id]);
  if (!known) return;
  throw new Failure(
    'InvalidConfiguration',
    `Vehicle ${id} is refused: it has been synced from ${known.serverId}, ${placeOf(known)} up to id ${known.watermark}, and rows elsewhere have ids of their own. ` +
      'Add it as a new vehicle; or, where the new place continues the same ids (a table that was renamed), change the row in `vehicles` by SQL.',
  );
}

const placeOf = ({ table, legacyVehicleId }: Pick<Vehicle, 'table' | 'legacyVehicleId'>): string =>
  `table ${table}${legacyVehicleId === null ? '' : `, legacy id ${legacyVehicleId}`}`;

/** Refuses a place that another vehicle has, by name: the unique constraint behind it would not say whose it is. */
async function refuseTakenPlace(database: Queryable, vehicle: z.output<typeof vehicleSchema>): Promise<void> {
  const { rows } = await database.query<{ id: string; label: string }>(
    `SELECT id, label FROM vehicles WHERE id <> $1 AND server_id = $2 AND legacy_table = $3 AND legacy_vehicle_id IS NOT DISTINCT FROM $4`,
    [vehicle.id, vehicle.serverId, vehicle.table, vehicle.legacyVehicleId],
  );
  const [other] = rows;
  if (!other) return;
  throw new Failure(
    'InvalidConfiguration',
    `Vehicle ${vehicle.id} is refused: vehicle ${other.id} (${other.label}) is read from ${placeOf(vehicle)} of ${vehicle.serverId} already, ` +
      'and the same rows would arrive twice. Correct the table or the legacy id, or change that vehicle first.',
  );
}

/** Refuses a part of what is no vehicle of the same server, or is a part itself: a vehicle is one row with its parts, and no chain. */
async function refuseNoWhole(
  database: Queryable,
  { id, serverId, partOf }: z.output<typeof vehicleSchema>,
): Promise<void> {
  if (partOf === null || partOf === undefined) return;
  const [whole] = await readVehicles(database, [partOf]);
  const own = (await readParts(database, [id])).map((part) => part.id);
  const wrong =
    whole === undefined
      ? 'there is none'
      : partOf === id
        ? 'that is itself'
        : whole.serverId !== serverId
          ? `that is read from ${whole.serverId}`
          : whole.partOf !== null
            ? `that is a part of vehicle ${whole.partOf}`
            : own.length > 0
              ? `vehicle ${own[0]} is a part of this one`
              : null;
  if (wrong === null) return;
  throw new Failure(
    'InvalidConfiguration',
    `Vehicle ${id} is refused: it is said to be a part of vehicle ${partOf}, and ${wrong}. A part names the vehicle whose rows in another table of the same server these are.`,
  );
}

/** The values $1 to $8 of both statements above. */
function valuesOf(vehicle: z.output<typeof vehicleSchema>): unknown[] {
  const { id, label, serverId, table, legacyVehicleId, priority, enabled, partOf } = vehicle;
  return [id, label, serverId, table, legacyVehicleId, priority, enabled, partOf ?? null];
}

function parseVehicle(input: VehicleInput, server: LegacyServer): z.output<typeof vehicleSchema> {
  const parsed = vehicleSchema.safeParse(input);
  if (!parsed.success) {
    throw new Failure(
      'InvalidConfiguration',
      `Vehicle ${String(input.id)} is refused:\n${z.prettifyError(parsed.error)}`,
    );
  }
  if (parsed.data.serverId !== server.id) {
    throw new Failure(
      'InvalidConfiguration',
      `Vehicle ${input.id} names server ${parsed.data.serverId}, not ${server.id}.`,
    );
  }
  const wrong = misfit(parsed.data, server);
  if (wrong) throw new Failure('InvalidConfiguration', `Vehicle is refused: ${wrong}.`);
  return parsed.data;
}

function onlyRow(rows: Vehicle[], id: string): Vehicle {
  const [vehicle] = rows;
  if (!vehicle) throw new Failure('UnknownVehicle', `There is no vehicle ${id}.`);
  return vehicle;
}
