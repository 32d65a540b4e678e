import type { Queryable } from '../connections/postgres.ts';
import { workOf } from './open-work.ts';

/** What a worker slot claims: a vehicle, or a slice of a table. */
export type WorkUnit = 'vehicle' | 'slice';

/** What an item takes, and the sums from which that is found; src/pool/forecast.ts fits it. */
export interface Cost {
  fixedMs: number;
  perRowMs: number;
  samples: number;
  /** Weighted sums of 1, rows and rows². */
  squares: [number, number, number];
  /** Weighted sums of milliseconds, and of rows × milliseconds. */
  products: [number, number];
}

/** By server, and by unit in it. */
type CostsInUse = Record<string, Partial<Record<WorkUnit, Pick<Cost, 'fixedMs' | 'perRowMs'>>>>;

/** Work of a run that is not settled. */
export interface OpenWork {
  serverId: string;
  unit: WorkUnit;
  rows: number;
}

export interface RunForecast {
  known: boolean;
  workMs: number;
  p50Ms: number;
  p90Ms: number;
  /** null: all that are wanted. */
  slots: number | null;
}

/** A run that was completed without being steered. */
export interface PastForecast {
  p50Ms: number;
  actualMs: number;
}

/** So many runs of the same selection tell how far off forecasts are. */
const PAST_RUNS = 20;
/** What a run learns from: the newest so many of its items, which outweigh all before them. */
const LEARNED_FROM = 1_000;

/** The key of a cost in a Map. */
export const costKey = (serverId: string, unit: WorkUnit): string => `${unit} ${serverId}`;

export async function readCosts(database: Queryable, serverIds: readonly string[]): Promise<Map<string, Cost>> {
  const { rows } = await database.query<{ serverId: string; unit: WorkUnit; cost: Cost }>(
    'SELECT server_id AS "serverId", unit, cost FROM server_costs WHERE server_id = ANY($1)',
    [serverIds],
  );
  return new Map(rows.map(({ serverId, unit, cost }) => [costKey(serverId, unit), cost]));
}

/** Reads a cost that is changed in this transaction; null: nothing was learned of it yet. Callers take them in one order. */
export async function lockCost(client: Queryable, serverId: string, unit: WorkUnit): Promise<Cost | null> {
  const { rows } = await client.query<{ cost: Cost }>(
    'SELECT cost FROM server_costs WHERE server_id = $1 AND unit = $2 FOR NO KEY UPDATE',
    [serverId, unit],
  );
  return rows[0]?.cost ?? null;
}

export async function writeCost(client: Queryable, serverId: string, unit: WorkUnit, cost: Cost): Promise<void> {
  await client.query(
    `INSERT INTO server_costs (server_id, unit, cost) VALUES ($1, $2, $3)
     ON CONFLICT (server_id, unit) DO UPDATE SET cost = EXCLUDED.cost, updated_at = clock_timestamp()`,
    [serverId, unit, cost],
  );
}

export async function openWork(database: Queryable, runId: string): Promise<OpenWork[]> {
  const { rows } = await database.query<OpenWork>(
    `SELECT work.server_id AS "serverId", unit, planned_rows::float8 AS rows FROM (${workOf('$1', 'planned', 'claimed')}) AS work`,
    [runId],
  );
  return rows;
}

/**
 * What a run completed, the oldest first: rows, and the time from the claim to the end, which is what a slot was taken for. Rows as they were planned, because
 * by these the next run will be told; where planning stopped counting, those that came.
 */
export async function completedWork(
  database: Queryable,
  runId: string,
): Promise<{ serverId: string; unit: WorkUnit; rows: number; ms: number }[]> {
  const { rows } = await database.query<{ serverId: string; unit: WorkUnit; rows: number; ms: number }>(
    `SELECT server_id AS "serverId", unit, CASE WHEN rows_capped THEN greatest(planned_rows, rows) ELSE planned_rows END::float8 AS rows, (extract(epoch FROM settled_at - claimed_at) * 1000)::float8 AS ms
       FROM (${workOf('$1', 'settled')}) AS work WHERE status = 'completed' AND claimed_at IS NOT NULL ORDER BY settled_at DESC LIMIT ${LEARNED_FROM}`,
    [runId],
  );
  return rows.reverse();
}

/** Keeps the forecast of a run; the first one stays, because planning may be repeated. */
export async function insertForecast(
  database: Queryable,
  runId: string,
  { known, workMs, p50Ms, p90Ms, slots, costs }: RunForecast & { costs: CostsInUse },
): Promise<void> {
  await database.query(
    `INSERT INTO run_forecasts (run_id, costs, known, work_ms, p50_ms, p90_ms, slots)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [runId, costs, known, workMs, p50Ms, p90Ms, slots],
  );
}

/** Writes how long the run took; true the first time. A run that was refused before it was planned has no forecast. */
export async function endForecast(client: Queryable, runId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE run_forecasts SET actual_ms = greatest(0, extract(epoch FROM clock_timestamp() - made_at) * 1000)
      WHERE run_id = $1 AND actual_ms IS NULL`,
    [runId],
  );
  return rowCount === 1;
}

/**
 * Notes that somebody paused the run or changed its workers, so that how long it takes says nothing of forecasts. `allSlots`: the run gets as many
 * slots as are wanted, and not only those that are worth opening.
 */
export async function noteSteered(client: Queryable, runId: string, allSlots: boolean): Promise<void> {
  await client.query(
    'UPDATE run_forecasts SET steered = true, slots = CASE WHEN NOT $2 THEN slots END WHERE run_id = $1',
    [runId, allSlots],
  );
}

/** The forecasts of completed runs under this workflow id, which are of one selection; the oldest first. */
export async function pastForecasts(database: Queryable, workflowId: string): Promise<PastForecast[]> {
  const { rows } = await database.query<PastForecast>(
    `SELECT p50_ms AS "p50Ms", actual_ms AS "actualMs"
       FROM sync_runs JOIN run_forecasts USING (run_id)
      WHERE workflow_id = $1 AND state = 'completed' AND known AND NOT steered AND actual_ms IS NOT NULL AND work_ms > 0
      ORDER BY started_at DESC LIMIT ${PAST_RUNS}`,
    [workflowId],
  );
  return rows.reverse();
}

/** How many slots a run was begun with, when these are not all; null: as many as are wanted. */
export async function slotsAtStart(database: Queryable, runId: string): Promise<number | null> {
  const { rows } = await database.query<{ slots: number | null }>('SELECT slots FROM run_forecasts WHERE run_id = $1', [
    runId,
  ]);
  return rows[0]?.slots ?? null;
}

/** Lets a run have all its slots once it takes longer than nine in ten forecasts allow; true for the one who did that. */
export async function openAllWhenLate(client: Queryable, runId: string): Promise<boolean> {
  const late = `run_id = $1 AND slots IS NOT NULL AND made_at + p90_ms * interval '1 millisecond' < clock_timestamp()`;
  // Read first: claims of all slots come here, and must not wait for each other's rows.
  if ((await client.query(`SELECT FROM run_forecasts WHERE ${late}`, [runId])).rowCount === 0) return false;
  return (await client.query(`UPDATE run_forecasts SET slots = NULL WHERE ${late}`, [runId])).rowCount === 1;
}
