import type { Queryable } from '../connections/postgres.ts';
import type { Vehicle } from '../settings/legacy-server.ts';
import type { WorkerStatus } from './progress.ts';
import { type SliceOfVehicle, sliceOf, stageOf } from './vehicle-syncs.ts';
import { type News, newsOf } from './vehicle-news.ts';
import { VEHICLE_COLUMNS } from './vehicles.ts';

/** A vehicle with the result of its last sync. */
export interface VehicleOverview extends Vehicle {
  lastSyncedAt: Date | null;
  /** The time of the newest position that came; null: none came since it is noted. */
  newestPositionAt: Date | null;
  news: News;
  quarantined: number;
  lastRun: {
    runId: string;
    status: WorkerStatus;
    rows: number;
    /** ISO 8601. */
    at: string;
    error: { code: string; message: string } | null;
    /** As VehicleSync's. */
    slice: SliceOfVehicle | null;
  } | null;
}

const SELECT = `
  SELECT ${VEHICLE_COLUMNS}, vehicle.last_synced_at AS "lastSyncedAt", vehicle.newest_position_at AS "newestPositionAt", ${newsOf('vehicle')} AS news,
         (SELECT count(*)::int FROM quarantine AS kept WHERE kept.vehicle_id = vehicle.id) AS quarantined,
         CASE WHEN last.run_id IS NULL THEN NULL ELSE jsonb_build_object(
           'runId', last.run_id, 'status', ${stageOf('last')}, 'rows', last.rows, 'slice', ${sliceOf('last')},
           'at', to_char(coalesce(last.settled_at, last.claimed_at, last.planned_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'error', CASE WHEN last.failure_code IS NULL THEN NULL
                         ELSE jsonb_build_object('code', last.failure_code, 'message', coalesce(last.failure_message, '')) END) END AS "lastRun"
    FROM vehicles AS vehicle
    LEFT JOIN LATERAL (SELECT * FROM vehicle_syncs AS sync WHERE sync.vehicle_id = vehicle.id ORDER BY sync.planned_at DESC LIMIT 1) AS last ON true`;

export interface VehicleFilter {
  limit: number;
  /** Only vehicles above this id, the last of the page before. */
  after: string | null;
  serverId?: string | undefined;
  /** A part of the label. */
  search?: string | undefined;
  /** Whether the last sync failed. */
  failed?: boolean | undefined;
}

/** A page of the vehicles, ordered by id. */
export async function listVehicleOverviews(
  database: Queryable,
  { limit, after, serverId, search, failed }: VehicleFilter,
): Promise<VehicleOverview[]> {
  const { rows } = await database.query<VehicleOverview>(
    `${SELECT} WHERE ($2::bigint IS NULL OR vehicle.id > $2) AND ($3::text IS NULL OR vehicle.server_id = $3)
        AND ($4::text IS NULL OR strpos(lower(vehicle.label), lower($4)) > 0)
        AND ($5::boolean IS NULL OR (last.status IS NOT DISTINCT FROM 'failed') = $5) ORDER BY vehicle.id LIMIT $1`,
    [limit, after, serverId ?? null, search ?? null, failed ?? null],
  );
  return rows;
}

export async function findVehicleOverview(database: Queryable, id: string): Promise<VehicleOverview | null> {
  const { rows } = await database.query<VehicleOverview>(`${SELECT} WHERE vehicle.id = $1`, [id]);
  return rows[0] ?? null;
}

/** Counts enabled vehicles by their last sync: within two hours, within a day, earlier, or never. */
export async function countVehiclesByFreshness(
  database: Queryable,
): Promise<{ freshness: '2h' | '24h' | 'older' | 'never'; vehicles: number }[]> {
  const { rows } = await database.query<{ freshness: '2h' | '24h' | 'older' | 'never'; vehicles: number }>(
    `SELECT CASE WHEN last_synced_at IS NULL THEN 'never' WHEN last_synced_at > now() - interval '2 hours' THEN '2h'
                 WHEN last_synced_at > now() - interval '24 hours' THEN '24h' ELSE 'older' END AS freshness, count(*)::float8 AS vehicles
       FROM vehicles WHERE enabled GROUP BY 1`,
  );
  return rows;
}
