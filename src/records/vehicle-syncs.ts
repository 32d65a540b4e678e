import type { Queryable } from '../connections/postgres.ts';
import type { FailureCode } from '../errors.ts';
import type { SyncMode } from '../workflows/legacy-sync/messages.ts';
import type { WorkerStatus } from './progress.ts';

/** A vehicle's part in a run, as the CLI and the API show it. */
export interface VehicleSync {
  vehicleId: string;
  label: string;
  /** null before a worker slot takes the vehicle. */
  slot: number | null;
  state: 'planned' | 'claimed' | 'settled';
  status: WorkerStatus;
  plannedRows: number;
  rows: number;
  inserted: number;
  duplicates: number;
  quarantined: number;
  /** Rows without coordinates that were skipped, as the server's values say. */
  withoutFix: number;
  bytes: number;
  durationMs: number | null;
  error: { code: string; message: string } | null;
  /** The slice of its table that brought rows of it last; null: it was read by itself, or no slice has brought any yet. */
  slice: SliceOfVehicle | null;
}

export interface SliceOfVehicle {
  serverId: string;
  table: string;
  number: number;
  of: number;
}

/** The stage of a row of vehicle_syncs: a vehicle that is read with its table is in the stage of its slice. */
export const stageOf = (sync: string): string =>
  `CASE WHEN ${sync}.read_id IS NULL OR ${sync}.state <> 'claimed' THEN ${sync}.status ELSE
     coalesce((SELECT slice.status FROM table_slices AS slice WHERE slice.read_id = ${sync}.read_id AND slice.state = 'claimed'
                ORDER BY slice.number LIMIT 1), ${sync}.status) END`;
/** The slice of a row of vehicle_syncs, as SliceOfVehicle; null: no slice has brought rows of the vehicle. */
export const sliceOf = (sync: string): string =>
  `(SELECT jsonb_build_object('serverId', read.server_id, 'table', read.table_name, 'number', ${sync}.read_slice, 'of', read.slices)
      FROM table_reads AS read WHERE read.id = ${sync}.read_id AND ${sync}.read_slice IS NOT NULL)`;
const COLUMNS = `sync.vehicle_id::text AS "vehicleId", vehicle.label, sync.slot, sync.state, ${stageOf('sync')} AS status,
  sync.planned_rows::float8 AS "plannedRows", sync.rows::float8, sync.inserted::float8, sync.duplicates::float8,
  sync.quarantined::float8, sync.without_fix::float8 AS "withoutFix", sync.bytes::float8,
  (extract(epoch FROM coalesce(sync.settled_at, now()) - sync.claimed_at) * 1000)::float8 AS "durationMs",
  ${sliceOf('sync')} AS slice,
  sync.failure_code AS code, sync.failure_message AS message`;
const OF_RUN = `FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id WHERE sync.run_id = $1`;

type SyncRow = Omit<VehicleSync, 'error'> & { code: string | null; message: string | null };

const syncOf = <T extends SyncRow>({ code, message, ...row }: T) => ({
  ...row,
  error: code === null ? null : { code, message: message ?? '' },
});

/** All vehicles of a run, ordered by label. */
export async function readVehicleSyncs(database: Queryable, runId: string): Promise<VehicleSync[]> {
  const { rows } = await database.query<SyncRow>(
    `SELECT ${COLUMNS} ${OF_RUN} ORDER BY vehicle.label, sync.vehicle_id`,
    [runId],
  );
  return rows.map(syncOf);
}

/** The latest syncs of a vehicle and its parts, the last planned first. */
export async function latestSyncsOf(
  database: Queryable,
  vehicleIds: readonly string[],
  limit: number,
): Promise<(VehicleSync & { runId: string; plannedAt: Date })[]> {
  const { rows } = await database.query<SyncRow & { runId: string; plannedAt: Date }>(
    `SELECT ${COLUMNS}, sync.run_id AS "runId", sync.planned_at AS "plannedAt"
       FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id
      WHERE sync.vehicle_id = ANY($1) ORDER BY sync.planned_at DESC, sync.vehicle_id LIMIT $2`,
    [vehicleIds, limit],
  );
  return rows.map(syncOf);
}

export interface VehicleSyncFilter {
  limit: number;
  /** Only vehicles above this id, the last of the page before. */
  after: string | null;
  /** A state or a status. */
  state: string | null;
  status: string | null;
}

/** A page of a run's vehicles, ordered by id. */
export async function listVehicleSyncs(
  database: Queryable,
  runId: string,
  { limit, after, state, status }: VehicleSyncFilter,
): Promise<VehicleSync[]> {
  const { rows } = await database.query<SyncRow>(
    `SELECT ${COLUMNS} ${OF_RUN} AND ($3::bigint IS NULL OR sync.vehicle_id > $3)
        AND ($4::text IS NULL OR $4 IN (sync.state, ${stageOf('sync')})) AND ($5::text IS NULL OR ${stageOf('sync')} = $5)
      ORDER BY sync.vehicle_id LIMIT $2`,
    [runId, limit, after, state, status],
  );
  return rows.map(syncOf);
}

/** The vehicles that ended after this time, in the order in which they ended. */
export async function settledSince(
  database: Queryable,
  runId: string,
  { since, limit }: { since: Date; limit: number },
): Promise<(VehicleSync & { settledAt: Date })[]> {
  const { rows } = await database.query<SyncRow & { settledAt: Date }>(
    `SELECT ${COLUMNS}, sync.settled_at AS "settledAt" ${OF_RUN} AND sync.state = 'settled' AND sync.settled_at >= $2
      ORDER BY sync.settled_at, sync.vehicle_id LIMIT $3`,
    [runId, since, limit],
  );
  return rows.map(syncOf);
}

/** What the worker slots of a run have claimed: a vehicle, or a slice of a table; with the figures of the last committed range. */
export interface ClaimInRun extends Pick<VehicleSync, 'status' | 'plannedRows' | 'rows' | 'bytes'> {
  slot: number;
  vehicle: Pick<VehicleSync, 'vehicleId' | 'label'> | null;
  slice: SliceOfVehicle | null;
}

export async function claimedInRun(database: Queryable, runId: string): Promise<ClaimInRun[]> {
  const { rows } = await database.query<ClaimInRun>(
    `SELECT slot, status, planned_rows::float8 AS "plannedRows", rows::float8, bytes::float8, vehicle, slice FROM (
       SELECT sync.slot, sync.status, sync.planned_rows, sync.rows, sync.bytes, NULL AS slice,
              jsonb_build_object('vehicleId', sync.vehicle_id::text, 'label', vehicle.label) AS vehicle
         ${OF_RUN} AND sync.state = 'claimed' AND sync.slot IS NOT NULL
       UNION ALL
       SELECT slice.slot, slice.status, slice.planned_rows, slice.rows, slice.bytes,
              jsonb_build_object('serverId', read.server_id, 'table', read.table_name, 'number', slice.number, 'of', read.slices), NULL
         FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id
        WHERE slice.run_id = $1 AND slice.state = 'claimed') AS claim ORDER BY slot`,
    [runId],
  );
  return rows;
}

/** Vehicles that failed in a run and are still enabled. */
export async function failedVehicles(database: Queryable, runId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT sync.vehicle_id::text AS id ${OF_RUN} AND sync.status = 'failed' AND vehicle.enabled ORDER BY sync.vehicle_id`,
    [runId],
  );
  return rows.map(({ id }) => id);
}

export interface PlannedVehicle {
  vehicleId: string;
  priority: number;
  mode: SyncMode;
  fromId: string;
  newRows: number;
  capped: boolean;
  maxId: string;
}

/** Adds these vehicles of one server to a run's queue. */
export async function insertPlanned(
  client: Queryable,
  { runId, serverId }: { runId: string; serverId: string },
  planned: readonly PlannedVehicle[],
): Promise<void> {
  await client.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, class, mode, planned_rows, rows_capped, cursor_id, frozen_to_id)
     SELECT $1, "vehicleId", $2, priority, mode, "newRows", capped, "fromId", "maxId"
     FROM jsonb_to_recordset($3::jsonb) AS planned("vehicleId" bigint, priority integer, mode text, "newRows" bigint, capped boolean,
                                                   "fromId" bigint, "maxId" bigint)`,
    [runId, serverId, JSON.stringify(planned)],
  );
}

export interface UnplannedVehicle {
  vehicleId: string;
  priority: number;
  code: FailureCode;
  message: string;
}

/** Records that these vehicles of one server failed before they could be planned. */
export async function insertUnplanned(
  client: Queryable,
  { runId, serverId }: { runId: string; serverId: string },
  failed: readonly UnplannedVehicle[],
): Promise<void> {
  await client.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, class, state, status, failure_code, failure_message, settled_at)
     SELECT $1, "vehicleId", $2, priority, 'settled', 'failed', code, message, now()
     FROM jsonb_to_recordset($3::jsonb) AS failed("vehicleId" bigint, priority integer, code text, message text)`,
    [runId, serverId, JSON.stringify(failed)],
  );
}

/** The servers of the run's planned vehicles and slices. */
export async function plannedServers(client: Queryable, runId: string): Promise<string[]> {
  const { rows } = await client.query<{ serverId: string }>(
    `SELECT server_id AS "serverId" FROM vehicle_syncs WHERE run_id = $1 AND state = 'planned'
     UNION SELECT server_id FROM table_slices WHERE run_id = $1 AND state = 'planned'`,
    [runId],
  );
  return rows.map(({ serverId }) => serverId);
}

/** Sums over the vehicles of one status and failure. */
export interface SyncSums
  extends Pick<VehicleSync, 'status' | 'inserted' | 'duplicates' | 'quarantined' | 'withoutFix' | 'bytes'> {
  code: string | null;
  vehicles: number;
}

/** Sums over the vehicles of the last day's runs only: a sum over the whole history would have to read all of it. */
export async function sumLastDay(database: Queryable): Promise<SyncSums[]> {
  const { rows } = await database.query<SyncSums>(
    `SELECT sync.status, sync.failure_code AS code, count(*)::float8 AS vehicles, sum(sync.inserted)::float8 AS inserted,
            sum(sync.duplicates)::float8 AS duplicates, sum(sync.quarantined)::float8 AS quarantined,
            sum(sync.without_fix)::float8 AS "withoutFix", sum(sync.bytes)::float8 AS bytes
       FROM vehicle_syncs AS sync JOIN sync_runs AS run USING (run_id)
      WHERE run.started_at > now() - interval '24 hours' GROUP BY 1, 2`,
  );
  return rows;
}

/** Vehicles that had nothing new in the runs of the last day: such a vehicle has no row of its own. */
export async function countUpToDateLastDay(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ vehicles: number }>(
    `SELECT coalesce(sum(up_to_date), 0)::float8 AS vehicles FROM sync_runs WHERE started_at > now() - interval '24 hours'`,
  );
  return rows[0]?.vehicles ?? 0;
}

/** Failures that are about a vehicle's own rows, and not about its server or the run. */
const OF_ITS_OWN: readonly FailureCode[] = [
  'QuarantineThresholdExceeded',
  'DumpCorrupt',
  'DumpRowCountMismatch',
  'WatermarkMoved',
  'SourceReset',
  'ImportFailed',
  'VehicleTimeout',
];

/** Those of these vehicles that had trouble of their own when they were last synced. */
export async function troubledVehicles(database: Queryable, vehicleIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT vehicle.id FROM vehicles AS vehicle, LATERAL (
       SELECT failure_code FROM vehicle_syncs AS sync WHERE sync.vehicle_id = vehicle.id AND sync.state = 'settled'
        ORDER BY planned_at DESC LIMIT 1) AS last
      WHERE vehicle.id = ANY($1) AND (vehicle.range_rows IS NOT NULL OR last.failure_code = ANY($2))`,
    [vehicleIds, OF_ITS_OWN],
  );
  return new Set(rows.map(({ id }) => id));
}

/** The run that last took the vehicle in; null: none did. */
export async function latestRunOf(database: Queryable, vehicleId: string): Promise<string | null> {
  const { rows } = await database.query<{ runId: string }>(
    'SELECT run_id AS "runId" FROM vehicle_syncs WHERE vehicle_id = $1 ORDER BY planned_at DESC LIMIT 1',
    [vehicleId],
  );
  return rows[0]?.runId ?? null;
}
