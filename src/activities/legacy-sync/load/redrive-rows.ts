import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { ROW_KEY } from '../../../settings/column-mapping.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { readTableColumns } from '../../../records/legacy-tables.ts';
import { countQuarantined, deleteQuarantined, lockQuarantined } from '../../../records/quarantine.ts';
import { readVehicle } from '../../../records/vehicles.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { RedriveInput, RedriveResult } from '../../../workflows/legacy-sync/messages.ts';
import { type SlotLimits, slotBuffers } from '../../../settings/slot-buffers.ts';
import { TUPLE_COLUMNS } from '../../../settings/position-columns.ts';
import { type RowIntake, createRowIntake } from '../dump/row-intake.ts';
import { planRows } from '../dump/row-plan.ts';
import { beginRow, createRowScan, scanRow } from '../dump/row-scanner.ts';
import type { WorkPace } from './work-pace.ts';
import { startCopy } from './copy-in.ts';
import { holdingVehicle } from './holding-vehicle.ts';
import { idNotUnique } from './repeated-id.ts';
import { STAGING_TABLE, mergeStaged, openStaging } from './staged-rows.ts';

/** One transaction of moderate size, whose rows are all in memory; large ones are fewer. */
const ROWS_AT_ONCE = 5_000;
const MAX_BIGINT = 9_223_372_036_854_775_807n;

interface RedriveDependencies {
  pool: pg.Pool;
  settings: () => SlotLimits;
  pace: WorkPace;
  cancellationSignal: () => AbortSignal;
}

/**
 * Converts quarantined rows again, by the current mapping, policy and time zone. Rows that pass go to positions, unless they are there, and
 * leave quarantine in the same transaction. A row above maxRowBytes stays, because only its beginning was kept.
 * Errors: UnknownVehicle, SchemaDrift, DatabaseUnavailable.
 */
export function createRedriveQuarantine({
  pool,
  ...paced
}: RedriveDependencies): OperatorActivities['redriveQuarantine'] {
  return (input) =>
    namingDatabaseFailures(`Trying quarantined rows of vehicle ${input.vehicleId} again`, async () => {
      const vehicle = await readVehicle(pool, input.vehicleId);
      const server = await readLegacyServer(pool, vehicle.serverId);
      const held = { vehicleId: vehicle.id, work: 'redrive', dryRun: input.dryRun === true } as const;
      const work = { vehicle, server, ...paced };
      return allOf(input.ids, (ids) => holdingVehicle(pool, held, (client) => redrive(client, work, ids)));
    });
}

interface Redrive {
  tried: readonly string[];
  result: RedriveResult;
}

/** Goes on until each of these rows was tried once; null: the first rows of all. */
async function allOf(
  ids: RedriveInput['ids'],
  redriven: (ids: RedriveInput['ids']) => Promise<Redrive>,
): Promise<RedriveResult> {
  let { tried, result: sum } = await redriven(ids);
  for (let left = rest(ids, tried); tried.length > 0 && left.length > 0; left = rest(left, tried)) {
    const next = await redriven(left);
    tried = next.tried;
    const { taken, imported, duplicates, stillQuarantined } = sum;
    sum = {
      taken: taken + next.result.taken,
      imported: imported + next.result.imported,
      duplicates: duplicates + next.result.duplicates,
      stillQuarantined: stillQuarantined + next.result.stillQuarantined,
      left: next.result.left,
    };
  }
  return sum;
}

const rest = (ids: RedriveInput['ids'], tried: readonly string[]): string[] => {
  const done = new Set(tried);
  return (ids ?? []).filter((id) => !done.has(id));
};

interface Redriven extends Omit<RedriveDependencies, 'pool'> {
  vehicle: Vehicle;
  server: LegacyServer;
}

async function redrive(
  client: pg.PoolClient,
  { vehicle, server, settings, pace, cancellationSignal }: Redriven,
  ids: RedriveInput['ids'],
): Promise<Redrive> {
  const wanted = { vehicleId: vehicle.id, ids };
  const buffers = slotBuffers(settings());
  const rows = await lockQuarantined(client, wanted, { rows: ROWS_AT_ONCE, bytes: buffers.redriveBytes });
  const intake = await openIntake(client, vehicle, server);
  const passed: typeof rows = [];
  for (const row of rows) {
    if (passes(intake, row.raw)) passed.push(row);
    await pace(cancellationSignal(), row.raw.length);
  }
  let imported = 0;
  if (passed.length > 0) {
    await openStaging(client);
    const copy = startCopy(client, `${STAGING_TABLE} (${TUPLE_COLUMNS})`, buffers);
    await copy.write(intake.rows.takeOverlap());
    const staged = { rows: await copy.end(), days: intake.rows.summary().overlapDays };
    const { inserted, repeated } = await mergeStaged(client, {
      vehicleIds: [vehicle.id],
      ...staged,
      fromId: '0',
      toId: String(MAX_BIGINT),
    });
    const repeatedId = repeated.get(vehicle.id);
    if (repeatedId !== undefined) throw idNotUnique(vehicle.id, repeatedId);
    imported = inserted.get(vehicle.id) ?? 0;
    await deleteQuarantined(
      client,
      passed.map(({ id }) => id),
    );
  }
  const still = rows.length - passed.length;
  const left = (await countQuarantined(client, wanted)) - still;
  const duplicates = passed.length - imported;
  return {
    tried: rows.map(({ id }) => id),
    result: { taken: rows.length, imported, duplicates, stillQuarantined: still, left },
  };
}

interface OpenIntake {
  rows: RowIntake;
  columns: number;
}

async function openIntake(client: pg.PoolClient, vehicle: Vehicle, server: LegacyServer): Promise<OpenIntake> {
  const tableColumns = await readTableColumns(client, server.id, vehicle.table);
  if (tableColumns === null) {
    throw new Failure(
      'SchemaDrift',
      `Trying quarantined rows of vehicle ${vehicle.id} again: it is not known how ${vehicle.table} looks. Sync the vehicle once.`,
    );
  }
  const intake = createRowIntake({
    vehicleId: vehicle.id,
    legacyVehicleId: vehicle.legacyVehicleId,
    columns: server.columns,
    // Rows that are kept stay so until they can be imported.
    values: { ...server.values, withoutFix: 'quarantine' },
    timeZone: server.timeZone,
    fromId: 0n,
    // Every row counts as one of the overlap, because it may be in positions already.
    watermark: MAX_BIGINT,
    toId: MAX_BIGINT,
    seenFromId: MAX_BIGINT,
    now: Date.now,
  });
  const made = typeof server.columns.id === 'string' ? [] : [ROW_KEY];
  const header = [...made, ...tableColumns.map(({ name }) => name)];
  intake.usePlan(planRows({ table: vehicle.table, header, tableColumns, mapping: server.columns }));
  return { rows: intake, columns: header.length };
}

/** Whether the row passes now. It stays when its table has another number of columns by now. */
function passes({ rows, columns }: OpenIntake, raw: Buffer): boolean {
  const scan = createRowScan(columns);
  scan.source = raw;
  beginRow(scan, 1);
  if (scanRow(scan) !== 'row' || scan.count !== columns) return false;
  return rows.take(scan, 0, raw.length) === null && rows.takeQuarantined().length === 0;
}
