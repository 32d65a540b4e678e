import type { Queryable } from '../connections/postgres.ts';
import type { ComparedRows } from '../workflows/legacy-sync/messages.ts';

export interface ReconciledVehicle extends ComparedRows {
  vehicleId: string;
  label: string;
  serverId: string;
  state: 'planned' | 'compared' | 'failed';
  method: 'sql' | 'rows' | null;
  /** Fields that MySQL cannot read as an import does. */
  unsaid: string[];
  findings: string[];
  failure: { code: string; message: string } | null;
  comparedAt: Date | null;
}

/** A row of `positions`: with the vehicle, its key. */
export interface PositionKey {
  id: string;
  time: string;
}

/** A day of a vehicle on which the two sides differ; ids are decimal. */
export interface ReconciledDay {
  /** YYYY-MM-DD; `-infinity` for rows without a time that can be read. */
  day: string;
  sourceRows: number;
  targetRows: number;
  missing: string[];
  changed: string[];
  quarantined: string[];
  extra: PositionKey[];
  old: PositionKey[];
}

export interface ComparedVehicle {
  reconciliationId: string;
  vehicleId: string;
  method: 'sql' | 'rows';
  unsaid: readonly string[];
  sourceRows: number;
  targetRows: number;
  findings: readonly string[];
  days: readonly ReconciledDay[];
}

/** The first vehicles of a server that nobody has compared yet. */
export async function plannedVehicles(
  database: Queryable,
  { reconciliationId, serverId, limit }: { reconciliationId: string; serverId: string; limit: number },
): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT vehicle_id::text AS id FROM reconciled_vehicles WHERE reconciliation_id = $1 AND server_id = $2 AND state = 'planned'
      ORDER BY vehicle_id LIMIT $3`,
    [reconciliationId, serverId, limit],
  );
  return rows.map(({ id }) => id);
}

/** The servers of a reconciliation. */
export async function reconciledServers(database: Queryable, reconciliationId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    'SELECT DISTINCT server_id AS id FROM reconciled_vehicles WHERE reconciliation_id = $1 ORDER BY 1',
    [reconciliationId],
  );
  return rows.map(({ id }) => id);
}

/** Writes what was found; in one transaction with `writeDays`. A vehicle that was compared already stays as it is: false. */
export async function writeCompared(client: Queryable, found: ComparedVehicle): Promise<boolean> {
  const sum = (count: (day: ReconciledDay) => number): number => found.days.reduce((all, day) => all + count(day), 0);
  const { rowCount } = await client.query(
    `UPDATE reconciled_vehicles SET state = 'compared', method = $3, unsaid = $4, source_rows = $5, target_rows = $6, findings = $7,
            missing = $8, changed = $9, extra = $10, quarantined = $11, compared_at = now()
      WHERE reconciliation_id = $1 AND vehicle_id = $2 AND state = 'planned'`,
    [
      found.reconciliationId,
      found.vehicleId,
      found.method,
      found.unsaid,
      found.sourceRows,
      found.targetRows,
      found.findings,
      sum(({ missing }) => missing.length),
      sum(({ changed }) => changed.length),
      sum(({ extra }) => extra.length),
      sum(({ quarantined }) => quarantined.length),
    ],
  );
  return rowCount === 1;
}

export async function writeDays(client: Queryable, found: ComparedVehicle): Promise<void> {
  for (const day of found.days) {
    await client.query(
      `INSERT INTO reconciled_days (reconciliation_id, vehicle_id, day, source_rows, target_rows, missing, changed, quarantined,
              extra, extra_times, old, old_times)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        found.reconciliationId,
        found.vehicleId,
        day.day,
        day.sourceRows,
        day.targetRows,
        day.missing,
        day.changed,
        day.quarantined,
        day.extra.map(({ id }) => id),
        day.extra.map(({ time }) => time),
        day.old.map(({ id }) => id),
        day.old.map(({ time }) => time),
      ],
    );
  }
}

export async function writeNotCompared(
  database: Queryable,
  reconciliationId: string,
  failed: readonly { vehicleId: string; code: string; message: string }[],
): Promise<void> {
  await database.query(
    `UPDATE reconciled_vehicles AS vehicle SET state = 'failed', failure_code = code, failure_message = message, compared_at = now()
       FROM unnest($2::bigint[], $3::text[], $4::text[]) AS failed (vehicle_id, code, message)
      WHERE vehicle.reconciliation_id = $1 AND vehicle.vehicle_id = failed.vehicle_id AND vehicle.state = 'planned'`,
    [
      reconciliationId,
      failed.map(({ vehicleId }) => vehicleId),
      failed.map(({ code }) => code),
      failed.map(({ message }) => message),
    ],
  );
}

export async function listReconciled(
  database: Queryable,
  reconciliationId: string,
  { differing = false, limit = 10_000, after = '0' }: { differing?: boolean; limit?: number; after?: string } = {},
): Promise<ReconciledVehicle[]> {
  const { rows } = await database.query<
    Omit<ReconciledVehicle, 'failure'> & { code: string | null; message: string | null }
  >(
    `SELECT done.vehicle_id::text AS "vehicleId", vehicle.label, done.server_id AS "serverId", done.state, done.method, done.unsaid,
            done.source_rows::float8 AS "sourceRows", done.target_rows::float8 AS "targetRows", done.missing::float8, done.changed::float8,
            done.extra::float8, done.quarantined::float8, done.findings, done.failure_code AS code, done.failure_message AS message,
            done.compared_at AS "comparedAt"
       FROM reconciled_vehicles AS done JOIN vehicles AS vehicle ON vehicle.id = done.vehicle_id
      WHERE done.reconciliation_id = $1 AND done.vehicle_id > $4
        AND (NOT $2 OR done.state = 'failed' OR done.missing + done.changed + done.extra > 0)
      ORDER BY done.vehicle_id LIMIT $3`,
    [reconciliationId, differing, limit, after],
  );
  return rows.map(({ code, message, ...row }) => ({
    ...row,
    failure: code === null ? null : { code, message: message ?? '' },
  }));
}

/**
 * Notes which vehicles have each other's rows: most of what one has too many, by the ids of its first differing days, is missing from the other, and
 * the other way round. Exchanged ids look like this.
 */
export async function nameSwapped(database: Queryable, reconciliationId: string): Promise<void> {
  await database.query(
    `WITH sides AS MATERIALIZED (
       SELECT vehicle.vehicle_id, vehicle.server_id, table_name.legacy_table,
              (SELECT array_agg(id) FROM (SELECT unnest(missing) AS id FROM reconciled_days AS day WHERE day.reconciliation_id = $1
                  AND day.vehicle_id = vehicle.vehicle_id ORDER BY day.day LIMIT 1000) AS first) AS missing,
              (SELECT array_agg(id) FROM (SELECT unnest(extra) AS id FROM reconciled_days AS day WHERE day.reconciliation_id = $1
                  AND day.vehicle_id = vehicle.vehicle_id ORDER BY day.day LIMIT 1000) AS first) AS extra
         FROM reconciled_vehicles AS vehicle JOIN vehicles AS table_name ON table_name.id = vehicle.vehicle_id
        WHERE vehicle.reconciliation_id = $1 AND vehicle.missing > 0 AND vehicle.extra > 0),
     swapped AS (
       SELECT one.vehicle_id, other.vehicle_id AS with_id FROM sides AS one JOIN sides AS other
           ON other.vehicle_id <> one.vehicle_id AND other.server_id = one.server_id AND other.legacy_table = one.legacy_table
        WHERE one.extra && other.missing AND one.missing && other.extra
          AND 2 * (SELECT count(*) FROM unnest(one.extra) AS id WHERE id = ANY(other.missing)) > cardinality(one.extra)
          AND 2 * (SELECT count(*) FROM unnest(one.missing) AS id WHERE id = ANY(other.extra)) > cardinality(one.missing))
     UPDATE reconciled_vehicles AS vehicle
        SET findings = findings || format('it has the rows of vehicle %s, which has its rows: their ids were exchanged at the source or here', with_id)
       FROM swapped WHERE vehicle.reconciliation_id = $1 AND vehicle.vehicle_id = swapped.vehicle_id
        AND NOT EXISTS (SELECT FROM unnest(findings) AS finding WHERE finding LIKE 'it has the rows of vehicle%')`,
    [reconciliationId],
  );
}
