import type { Queryable } from '../connections/postgres.ts';
import type { SampledFix } from '../legacy-inspection/sampled-fix.ts';

/** A row of `positions`, as far as the ways between rows are told by it. Times in seconds since 1970. */
export interface ArrivedFix extends SampledFix {
  /** The legacy id, as near as a double is to it. */
  id: number;
}

/**
 * Rows are read of this many vehicles, those that brought most: of each this many of its latest rows. That is a day's driving, read along an index in
 * milliseconds.
 */
const VEHICLES = 8;
const ROWS_PER_VEHICLE = 400;
/** Rows are looked for in this many of a vehicle's latest syncs, because its whole ledger is long. These have usually brought more rows than are read. */
const SYNCS = 200;

/** Servers whose vehicles got new rows in a run. */
export async function serversWithNewRows(database: Queryable, runId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT DISTINCT server_id AS id FROM vehicle_syncs WHERE run_id = $1 AND inserted > 0 ORDER BY 1`,
    [runId],
  );
  return rows.map(({ id }) => id);
}

/** The latest rows of a server's vehicles that a run synced. Rows from before the server was edited last say nothing of the mapping it has now. */
export async function latestFixes(database: Queryable, runId: string, serverId: string): Promise<ArrivedFix[]> {
  const { rows } = await database.query<ArrivedFix>(
    `SELECT chosen.id::text AS vehicle, extract(epoch FROM fix.time)::float8 AS seconds, fix.latitude, fix.longitude,
            fix.speed_kmh AS speed, fix.heading_deg AS heading, extract(epoch FROM fix.received_at)::float8 AS "receivedSeconds", fix.legacy_id::float8 AS id
       FROM (SELECT sync.vehicle_id AS id,
                    (SELECT min(range.watermark)
                       FROM (SELECT run_id FROM vehicle_syncs WHERE vehicle_id = sync.vehicle_id ORDER BY planned_at DESC LIMIT ${SYNCS}) AS recent
                       JOIN import_ledger AS range ON range.vehicle_id = sync.vehicle_id AND range.run_id = recent.run_id
                       JOIN legacy_servers AS server ON server.id = $2 WHERE range.committed_at > server.updated_at) AS above
               FROM vehicle_syncs AS sync WHERE sync.run_id = $1 AND sync.server_id = $2 AND sync.inserted > 0
              ORDER BY sync.inserted DESC, sync.vehicle_id LIMIT ${VEHICLES}) AS chosen,
            LATERAL (SELECT * FROM positions WHERE vehicle_id = chosen.id AND legacy_id > chosen.above
                      ORDER BY time DESC LIMIT ${ROWS_PER_VEHICLE}) AS fix`,
    [runId, serverId],
  );
  return rows;
}

/** Sentences, by what they are about; null takes one back, and what is not named stays as it was. */
export async function writeDoubts(
  database: Queryable,
  serverId: string,
  found: Record<string, string | null | undefined>,
): Promise<void> {
  await database.query(
    `UPDATE legacy_server_state AS state
        SET mapping_doubts = jsonb_strip_nulls((CASE WHEN ${IS_CURRENT} THEN mapping_doubts ELSE '{}' END) || $2::jsonb),
            mapping_judged_at = clock_timestamp()
       FROM legacy_servers AS server WHERE server.id = $1 AND state.server_id = $1`,
    [serverId, JSON.stringify(found)],
  );
}

const IS_CURRENT = 'coalesce(state.mapping_judged_at > server.updated_at, false)';

export interface MappingDoubt {
  serverId: string;
  found: string;
}

/** How rows contradict the mappings of these servers, or of all, as far as the mappings were not edited since. */
export async function readDoubts(
  database: Queryable,
  serverIds: readonly string[] | null = null,
): Promise<MappingDoubt[]> {
  const { rows } = await database.query<MappingDoubt>(
    `SELECT server.id AS "serverId", doubt.value AS found
       FROM legacy_servers AS server JOIN legacy_server_state AS state ON state.server_id = server.id, jsonb_each_text(state.mapping_doubts) AS doubt
      WHERE ${IS_CURRENT} AND ($1::text[] IS NULL OR server.id = ANY($1)) ORDER BY server.id, doubt.key`,
    [serverIds],
  );
  return rows;
}
