import { z } from 'zod';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { IDENTIFIER, type LegacyServer, type Vehicle } from './legacy-server.ts';

/** Digits that fit PostgreSQL's bigint. */
const MAX_BIGINT = 9_223_372_036_854_775_807n;
const bigintText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,18})$/)
  .refine((text) => BigInt(text) <= MAX_BIGINT, 'is larger than a bigint');

/** A row of `vehicles`, as far as an operator writes it. */
export const vehicleSchema = z.strictObject({
  id: bigintText.refine((text) => text !== '0', 'must be above 0'),
  label: z.string().min(1),
  serverId: z.string().min(1),
  table: z.string().regex(IDENTIFIER),
  legacyVehicleId: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/)
    .nullable()
    .default(null),
  priority: z.number().int().min(-1_000_000).max(1_000_000).default(0),
  enabled: z.boolean().default(true),
});
export type VehicleInput = z.input<typeof vehicleSchema>;

const COLUMNS = `id, label, server_id AS "serverId", legacy_table AS "table", legacy_vehicle_id AS "legacyVehicleId",
  priority, enabled, watermark`;

/** The vehicles with these ids (decimal strings), or all, by id. An id without a row is left out. */
export async function readVehicles(database: Queryable, ids?: readonly string[]): Promise<Vehicle[]> {
  const { rows } = await database.query<Vehicle>(
    `SELECT ${COLUMNS} FROM vehicles WHERE $1::bigint[] IS NULL OR id = ANY($1) ORDER BY id`,
    [ids ?? null],
  );
  return rows;
}

/** Errors: UnknownVehicle. */
export async function readVehicle(database: Queryable, id: string): Promise<Vehicle> {
  const [vehicle] = bigintText.safeParse(id).success ? await readVehicles(database, [id]) : [];
  if (!vehicle)
    throw new Failure(
      'UnknownVehicle',
      `There is no vehicle ${id}. \`fleetgraph vehicles list\` shows those there are, \`vehicles put\` adds one.`,
    );
  return vehicle;
}

/** Errors: InvalidConfiguration, naming every field that is not allowed, or how the vehicle and its server do not fit. */
export async function insertVehicle(database: Queryable, input: VehicleInput, server: LegacyServer): Promise<Vehicle> {
  const vehicle = parseVehicle(input, server);
  const { rows } = await database.query<Vehicle>(
    `INSERT INTO vehicles (id, label, server_id, legacy_table, legacy_vehicle_id, priority, enabled)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
    valuesOf(vehicle),
  );
  return onlyRow(rows, vehicle.id);
}

/**
 * Writes everything but the watermark, which only an import moves; and once it has, the rows a vehicle is read from stay the same ones.
 * Errors: InvalidConfiguration, UnknownVehicle.
 */
export async function updateVehicle(database: Queryable, input: VehicleInput, server: LegacyServer): Promise<Vehicle> {
  const vehicle = parseVehicle(input, server);
  const { rows } = await database.query<Vehicle>(
    `UPDATE vehicles SET label = $2, server_id = $3, legacy_table = $4, legacy_vehicle_id = $5, priority = $6, enabled = $7
     WHERE id = $1 AND (watermark = 0 OR (server_id, legacy_table, legacy_vehicle_id) IS NOT DISTINCT FROM ($3, $4, $5))
     RETURNING ${COLUMNS}`,
    valuesOf(vehicle),
  );
  if (rows.length === 0) await refuseOtherSource(database, vehicle.id);
  return onlyRow(rows, vehicle.id);
}

/**
 * A shared table is read by its vehicle column, and a vehicle's own table has none: a mix-up would file one vehicle's positions under
 * another. Null when they fit, else what is wrong.
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

/** Rows elsewhere have ids of their own: those up to the watermark would be skipped in silence. */
async function refuseOtherSource(database: Queryable, id: string): Promise<void> {
  const [known] = await readVehicles(database, [id]);
  if (!known) return;
  const { serverId, table, legacyVehicleId, watermark } = known;
  const source = `${serverId}, table ${table}${legacyVehicleId === null ? '' : `, legacy id ${legacyVehicleId}`}`;
  throw new Failure(
    'InvalidConfiguration',
    `Vehicle ${id} is refused: it has been synced from ${source} up to id ${watermark}, and rows elsewhere have ids of their own. ` +
      'Add it as a new vehicle; or, where the new place continues the same ids (a table that was renamed), change the row in `vehicles` by SQL.',
  );
}

/** $1 to $7 of both statements above. */
function valuesOf(vehicle: z.output<typeof vehicleSchema>): unknown[] {
  const { id, label, serverId, table, legacyVehicleId, priority, enabled } = vehicle;
  return [id, label, serverId, table, legacyVehicleId, priority, enabled];
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
