import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { readLegacyServer } from '../../../settings/legacy-servers.ts';
import { readVehicle } from '../../../settings/vehicles.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { RedriveInput, RedriveResult } from '../../../workflows/legacy-sync/messages.ts';
import { TUPLE_COLUMNS } from '../dump/row-converter.ts';
import { type RowIntake, createRowIntake } from '../dump/row-intake.ts';
import { planRows } from '../dump/row-plan.ts';
import { beginRow, createRowScan, scanRow } from '../dump/row-scanner.ts';
import type { TableColumn } from '../dump/table-column.ts';
import { startCopy } from './copy-in.ts';
import { beginRange } from './range-records.ts';
import { STAGING_TABLE, mergeStaged, openStaging } from './staged-rows.ts';

/** Taken at once: one transaction of moderate size, and memory for the rows as they are. */
const ROWS_AT_ONCE = 5_000;
const MAX_BIGINT = 9_223_372_036_854_775_807n;

interface QuarantinedRow {
  id: string;
  raw: Buffer;
}

/**
 * Converts rows of quarantine once more, by the mapping, policy and time zone that stand now. Those that pass go to positions unless they are
 * there, and leave quarantine in the same transaction; asked twice, nothing is left to do. Of a row above maxRowBytes only the beginning was
 * kept: it stays. Errors: UnknownVehicle, SchemaDrift, DatabaseUnavailable.
 */
export function createRedriveQuarantine({ pool }: { pool: pg.Pool }): OperatorActivities['redriveQuarantine'] {
  return (input) =>
    namingDatabaseFailures(`Trying quarantined rows of vehicle ${input.vehicleId} again`, async () => {
      const vehicle = await readVehicle(pool, input.vehicleId);
      const server = await readLegacyServer(pool, vehicle.serverId);
      const client = await pool.connect();
      let broken = true;
      try {
        // Also the lock that keeps an import of the same vehicle out.
        await beginRange(client, vehicle.id);
        const result = await redrive(client, vehicle, server, input);
        await client.query('COMMIT');
        broken = false;
        return result;
      } finally {
        // What failed rolls back with its connection.
        client.release(broken);
      }
    });
}

async function redrive(
  client: pg.PoolClient,
  vehicle: Vehicle,
  server: LegacyServer,
  { ids }: RedriveInput,
): Promise<RedriveResult> {
  const { rows } = await client.query<QuarantinedRow>(
    `SELECT id::text, raw FROM quarantine WHERE vehicle_id = $1 AND ($2::bigint[] IS NULL OR id = ANY($2)) AND reason <> 'RowTooLarge'
      ORDER BY legacy_id NULLS LAST, id LIMIT $3 FOR UPDATE`,
    [vehicle.id, ids, ROWS_AT_ONCE],
  );
  const intake = await openIntake(client, vehicle, server);
  const passed = rows.filter(({ raw }) => passes(intake, raw));
  let imported = 0;
  if (passed.length > 0) {
    await openStaging(client);
    const copy = startCopy(client, `${STAGING_TABLE} (${TUPLE_COLUMNS})`);
    await copy.write(intake.rows.takeOverlap());
    const staged = { rows: await copy.end(), days: intake.rows.summary().overlapDays };
    imported = await mergeStaged(client, { vehicleId: vehicle.id, ...staged, fromId: '0', toId: String(MAX_BIGINT) });
    await client.query('DELETE FROM quarantine WHERE id = ANY($1)', [passed.map(({ id }) => id)]);
  }
  const { rows: left } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM quarantine WHERE vehicle_id = $1 AND ($2::bigint[] IS NULL OR id = ANY($2))`,
    [vehicle.id, ids],
  );
  const still = rows.length - passed.length;
  return {
    taken: rows.length,
    imported,
    duplicates: passed.length - imported,
    stillQuarantined: still,
    left: left[0]!.count - still,
  };
}

interface OpenIntake {
  rows: RowIntake;
  columns: number;
}

async function openIntake(client: pg.PoolClient, vehicle: Vehicle, server: LegacyServer): Promise<OpenIntake> {
  const { rows } = await client.query<{ columns: TableColumn[] }>(
    'SELECT columns FROM legacy_tables WHERE server_id = $1 AND table_name = $2',
    [server.id, vehicle.table],
  );
  const tableColumns = rows[0]?.columns;
  if (tableColumns === undefined) {
    throw new Failure(
      'SchemaDrift',
      `Trying quarantined rows of vehicle ${vehicle.id} again: it is not known how ${vehicle.table} looks. Sync the vehicle once.`,
    );
  }
  const intake = createRowIntake({
    vehicleId: vehicle.id,
    legacyVehicleId: vehicle.legacyVehicleId,
    columns: server.columns,
    values: server.values,
    timeZone: server.timeZone,
    fromId: 0n,
    // All are as rows of the overlap: they may be there already.
    watermark: MAX_BIGINT,
    toId: MAX_BIGINT,
    seenFromId: MAX_BIGINT,
    now: Date.now,
  });
  const header = tableColumns.map(({ name }) => name);
  intake.usePlan(planRows(vehicle.table, header, tableColumns, server.columns));
  return { rows: intake, columns: header.length };
}

/** A row of a table that has changed since has another number of values, and stays. */
function passes({ rows, columns }: OpenIntake, raw: Buffer): boolean {
  const scan = createRowScan(columns);
  scan.source = raw;
  beginRow(scan, 1);
  if (scanRow(scan) !== 'row' || scan.count !== columns) return false;
  return rows.take(scan, 0, raw.length) === null && rows.takeQuarantined().length === 0;
}
