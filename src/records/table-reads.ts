import type { Queryable } from '../connections/postgres.ts';
import type { FailureCode } from '../errors.ts';

/** A slice of a table that a run reads for many vehicles: the rows with fromId < id <= toId. */
export interface PlannedSlice {
  fromId: string;
  toId: string;
  plannedRows: number;
}

/**
 * What becomes of other vehicles' rows that lie among those of a read. `sent`: the host sends them, and they are skipped here. `filtered`: the host
 * looks at them and leaves them out. `unread`: an index leads the host past them.
 */
export type Unwanted = 'sent' | 'filtered' | 'unread';

export interface PlannedRead {
  table: string;
  vehicleIds: readonly string[];
  overlapIds: number;
  unwanted: Unwanted;
  slices: readonly PlannedSlice[];
}

/** The vehicles of read `$1`, as the condition of a statement on `vehicle_syncs` AS sync: its run's part of the primary key leads to them. */
export const OF_READ = 'sync.run_id = (SELECT run_id FROM table_reads WHERE id = $1) AND sync.read_id = $1';

/** Puts the slices into a run's queue, and marks the vehicles, whose rows are there already. */
export async function insertReads(
  client: Queryable,
  { runId, serverId }: { runId: string; serverId: string },
  reads: readonly PlannedRead[],
): Promise<void> {
  for (const { table, vehicleIds, overlapIds, unwanted, slices } of reads) {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO table_reads (run_id, server_id, table_name, slices, overlap_ids, unwanted) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
      [runId, serverId, table, slices.length, overlapIds, unwanted],
    );
    const readId = rows[0]!.id;
    const { rows: classes } = await client.query<{ class: number }>(
      `WITH marked AS (UPDATE vehicle_syncs SET read_id = $2 WHERE run_id = $1 AND vehicle_id = ANY($3) RETURNING class)
       SELECT max(class) AS class FROM marked`,
      [runId, readId, vehicleIds],
    );
    await client.query(
      `INSERT INTO table_slices (run_id, slice_id, read_id, number, server_id, from_id, to_id, class, planned_rows)
       SELECT $1, 'slice-' || $2 || '-' || number, $2::bigint, number, $3, "fromId", "toId", $5, "plannedRows"
         FROM ROWS FROM (jsonb_to_recordset($4::jsonb) AS ("fromId" bigint, "toId" bigint, "plannedRows" bigint))
              WITH ORDINALITY AS slice ("fromId", "toId", "plannedRows", number)`,
      [runId, readId, serverId, JSON.stringify(slices), classes[0]?.class ?? 0],
    );
  }
}

/** The slice that a worker slot has claimed. */
export interface CurrentSlice {
  kind: 'slice';
  sliceId: string;
  readId: string;
  serverId: string;
  table: string;
  number: number;
  of: number;
  plannedRows: number;
  sequence: number;
  deferrals: number;
  /** Milliseconds since the epoch, by PostgreSQL's clock. */
  claimedAt: number;
}

const CURRENT = `'slice' AS kind, slice.slice_id AS "sliceId", slice.read_id AS "readId", slice.server_id AS "serverId", read.table_name AS "table", slice.number,
  read.slices AS "of", slice.planned_rows::float8 AS "plannedRows", slice.sequence::float8 AS sequence, slice.deferrals,
  (extract(epoch FROM slice.claimed_at) * 1000)::float8 AS "claimedAt"`;

/** Locked; null: the slot has claimed none. */
export async function currentSlice(
  client: Queryable,
  { runId, slot }: { runId: string; slot: number },
): Promise<CurrentSlice | null> {
  const { rows } = await client.query<CurrentSlice>(
    `SELECT ${CURRENT} FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id
      WHERE slice.run_id = $1 AND slice.slot = $2 AND slice.state = 'claimed' FOR UPDATE OF slice`,
    [runId, slot],
  );
  return rows[0] ?? null;
}

/** A slice's place in the read of its table. */
export type SlicePlace = Pick<CurrentSlice, 'table' | 'number' | 'of'>;

export async function readSlicePlace(database: Queryable, runId: string, sliceId: string): Promise<SlicePlace | null> {
  const { rows } = await database.query<SlicePlace>(
    `SELECT read.table_name AS "table", slice.number, read.slices AS "of"
       FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id WHERE slice.run_id = $1 AND slice.slice_id = $2`,
    [runId, sliceId],
  );
  return rows[0] ?? null;
}

export interface TakeSlice {
  runId: string;
  slot: number;
  sequence: number;
  serverIds: readonly string[];
  leaseMs: number;
}

/**
 * Claims the run's next slice at one of these servers: the lowest ids first, so that the vehicles' watermarks move. Vehicles of a higher
 * class that are read by themselves come before it. The first slice of a read claims the read's vehicles.
 */
export async function takeSlice(
  client: Queryable,
  { runId, slot, sequence, serverIds, leaseMs }: TakeSlice,
): Promise<CurrentSlice | null> {
  const { rows } = await client.query<CurrentSlice>(
    `WITH next AS (
       SELECT slice_id, read_id FROM table_slices AS slice
        WHERE run_id = $1 AND state = 'planned' AND server_id = ANY($2) AND not_before <= clock_timestamp()
          AND NOT EXISTS (SELECT FROM vehicle_syncs AS sync WHERE sync.run_id = $1 AND sync.state = 'planned' AND sync.read_id IS NULL
                             AND sync.server_id = ANY($2) AND sync.class > slice.class AND sync.not_before <= clock_timestamp())
        ORDER BY deferrals > 0, class DESC, read_id, number LIMIT 1 FOR UPDATE SKIP LOCKED)
     UPDATE table_slices AS slice
        SET state = 'claimed', status = 'idle', slot = $3, sequence = $4, claimed_at = clock_timestamp(), work_failures = 0,
            lease_until = clock_timestamp() + $5 * interval '1 millisecond', failure_message = NULL
       FROM next JOIN table_reads AS read ON read.id = next.read_id
      WHERE slice.run_id = $1 AND slice.slice_id = next.slice_id RETURNING ${CURRENT}`,
    [runId, serverIds, slot, sequence, leaseMs],
  );
  const [slice] = rows;
  if (slice === undefined) return null;
  await beginRead(client, slice.readId);
  return slice;
}

/**
 * Claims the vehicles of a read, once. One that another run has claimed, or whose watermark is below where it was planned, is read by itself.
 * A claim of a read has no slot and no lease of its own: its slices have.
 */
async function beginRead(client: Queryable, readId: string): Promise<void> {
  const { rowCount } = await client.query(
    'UPDATE table_reads SET begun_at = clock_timestamp() WHERE id = $1 AND begun_at IS NULL',
    [readId],
  );
  if (rowCount !== 1) return;
  await client.query(
    `UPDATE vehicle_syncs AS sync SET read_id = NULL FROM vehicles AS vehicle
      WHERE ${OF_READ} AND vehicle.id = sync.vehicle_id AND (sync.state <> 'planned' OR vehicle.watermark < sync.cursor_id
            OR EXISTS (SELECT FROM vehicle_syncs AS other WHERE other.vehicle_id = sync.vehicle_id AND other.state = 'claimed'))`,
    [readId],
  );
  await client.query(
    `UPDATE vehicle_syncs AS sync SET state = 'claimed', claimed_at = clock_timestamp(), lease_until = 'infinity', failure_message = NULL,
            cursor_id = greatest(sync.cursor_id, vehicle.watermark)
       FROM vehicles AS vehicle WHERE ${OF_READ} AND vehicle.id = sync.vehicle_id`,
    [readId],
  );
}

export type SliceEnd = { status: 'completed' } | { status: 'failed'; code: FailureCode; message: string };

const CLOCK_STOPPED = 'working_since = NULL, lease_until = NULL';

/**
 * Ends a slice, and does what follows. Vehicles whose rows are all there are settled. After a failure, slices that nobody has begun are not
 * begun. With the last slice, the vehicles that are left go back to the run, to be read by themselves. Returns how many go back.
 */
export async function settleSlice(
  client: Queryable,
  { runId, sliceId: id, readId }: { runId: string; sliceId: string; readId: string },
  end: SliceEnd,
): Promise<number> {
  const [code, message] = end.status === 'failed' ? [end.code, end.message.slice(0, 2_000)] : [null, null];
  await lockRead(client, readId);
  await client.query(
    `UPDATE table_slices SET state = 'settled', status = $3, failure_code = $4, failure_message = $5, settled_at = clock_timestamp(), ${CLOCK_STOPPED}
      WHERE run_id = $1 AND slice_id = $2 AND state <> 'settled'`,
    [runId, id, end.status, code, message],
  );
  if (end.status === 'failed')
    await dropSlices(client, readId, { code: end.code, message: `Not begun: ${end.message}` });
  return finishRead(client, readId);
}

async function dropSlices(
  client: Queryable,
  readId: string,
  { code, message }: { code: FailureCode; message: string },
): Promise<void> {
  await client.query(
    `UPDATE table_slices SET state = 'settled', status = 'failed', failure_code = $2, failure_message = $3, settled_at = clock_timestamp()
      WHERE read_id = $1 AND state = 'planned'`,
    [readId, code, message.slice(0, 2_000)],
  );
}

export async function lockRead(client: Queryable, readId: string): Promise<void> {
  await client.query('SELECT FROM table_reads WHERE id = $1 FOR UPDATE', [readId]);
}

/** Settles the vehicles of a read that have arrived, and gives the rest back once no slice is left; how many go back. Under `lockRead`. */
async function finishRead(client: Queryable, readId: string): Promise<number> {
  await client.query(
    `UPDATE vehicle_syncs AS sync SET state = 'settled', status = 'completed', settled_at = clock_timestamp(), lease_until = NULL,
            slot = (SELECT slot FROM table_slices AS slice WHERE slice.read_id = $1 AND slice.number = sync.read_slice)
      WHERE ${OF_READ} AND sync.state = 'claimed' AND left_out IS NULL AND cursor_id >= frozen_to_id`,
    [readId],
  );
  const { rowCount } = await client.query(
    `UPDATE vehicle_syncs AS sync
        SET state = 'planned', status = 'idle', slot = NULL, claimed_at = NULL, lease_until = NULL, read_id = NULL,
            failure_message = coalesce(left_out, 'read by itself: a slice of its table failed')
      WHERE ${OF_READ} AND sync.state = 'claimed'
        AND NOT EXISTS (SELECT FROM table_slices WHERE read_id = $1 AND state <> 'settled')`,
    [readId],
  );
  return rowCount ?? 0;
}

/** From here on the read goes on without these vehicles; why, by vehicle id. */
export async function leaveOut(
  database: Queryable,
  readId: string,
  reasons: ReadonlyMap<string, string>,
): Promise<void> {
  await database.query(
    `UPDATE vehicle_syncs AS sync SET left_out = why.reason FROM unnest($2::bigint[], $3::text[]) AS why (vehicle_id, reason)
      WHERE ${OF_READ} AND sync.vehicle_id = why.vehicle_id AND left_out IS NULL`,
    [readId, [...reasons.keys()], [...reasons.values()]],
  );
}

/** Gives a claimed slice back to its run. */
export async function putBackSlice(
  client: Queryable,
  { runId, sliceId: id }: { runId: string; sliceId: string },
  { reason, afterMs }: { reason: string; afterMs: number },
): Promise<void> {
  await client.query(
    `UPDATE table_slices SET state = 'planned', status = 'idle', slot = NULL, sequence = NULL, claimed_at = NULL, deferrals = deferrals + 1,
            not_before = clock_timestamp() + $3 * interval '1 millisecond', failure_message = $4, ${CLOCK_STOPPED}
      WHERE run_id = $1 AND slice_id = $2 AND state = 'claimed'`,
    [runId, id, afterMs, reason],
  );
}

/** Ends all slices of a run that has ended; its vehicles are settled by whoever ends it. `states`: those that are ended. */
export async function dropRunSlices(
  client: Queryable,
  runId: string,
  { states, code, message }: { states: readonly ('planned' | 'claimed')[]; code: FailureCode; message: string },
): Promise<void> {
  await client.query(
    `UPDATE table_slices SET state = 'settled', status = 'failed', failure_code = $3, failure_message = $4, settled_at = clock_timestamp(), ${CLOCK_STOPPED}
      WHERE run_id = $1 AND state = ANY($2)`,
    [runId, states, code, message.slice(0, 2_000)],
  );
}

/** Planned slices at a server that cannot be used: none is begun. */
export async function dropServerSlices(
  client: Queryable,
  { runId, serverId }: { runId: string; serverId: string },
  failure: { code: FailureCode; message: string },
): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT DISTINCT read_id AS id FROM table_slices WHERE run_id = $1 AND server_id = $2 AND state = 'planned' ORDER BY 1`,
    [runId, serverId],
  );
  let back = 0;
  for (const { id } of rows) {
    await lockRead(client, id);
    await dropSlices(client, id, failure);
    back += await finishRead(client, id);
  }
  return back;
}

export interface ExpiredSlice {
  runId: string;
  sliceId: string;
  readId: string;
  serverId: string;
  table: string;
  number: number;
  slot: number;
  workflowId: string;
  runState: string;
}

/** Claimed slices whose lease ran out. */
export async function expiredSlices(database: Queryable): Promise<ExpiredSlice[]> {
  const { rows } = await database.query<ExpiredSlice>(
    `SELECT slice.run_id AS "runId", slice.slice_id AS "sliceId", slice.read_id AS "readId", slice.server_id AS "serverId",
            read.table_name AS "table", slice.number, slice.slot, run.workflow_id AS "workflowId", run.state AS "runState"
       FROM table_slices AS slice JOIN table_reads AS read ON read.id = slice.read_id JOIN sync_runs AS run ON run.run_id = slice.run_id
      WHERE slice.state = 'claimed' AND slice.lease_until < clock_timestamp() ORDER BY slice.lease_until`,
  );
  return rows;
}

/** Locks a slice whose lease ran out. False: somebody renewed or settled it since, or looks at it too. */
export async function lockExpiredSlice(
  client: Queryable,
  { runId, sliceId: id, slot }: ExpiredSlice,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM table_slices WHERE run_id = $1 AND slice_id = $2 AND slot = $3 AND state = 'claimed'
        AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED`,
    [runId, id, slot],
  );
  return rowCount === 1;
}

export async function extendSliceLease(
  client: Queryable,
  { runId, sliceId: id }: { runId: string; sliceId: string },
  leaseMs: number,
): Promise<void> {
  await client.query(
    `UPDATE table_slices SET lease_until = clock_timestamp() + $3 * interval '1 millisecond' WHERE run_id = $1 AND slice_id = $2`,
    [runId, id, leaseMs],
  );
}

/** Every slice that is claimed now, named as its files are. */
export async function claimedSlices(database: Queryable): Promise<{ runId: string; vehicleId: string }[]> {
  const { rows } = await database.query<{ runId: string; vehicleId: string }>(
    `SELECT run_id AS "runId", slice_id AS "vehicleId" FROM table_slices WHERE state = 'claimed'`,
  );
  return rows;
}

/** Vehicles of runs that have ended, still claimed by a read of which no slice is claimed any more. */
export async function orphanedReadVehicles(database: Queryable): Promise<{ runId: string; vehicleIds: string[] }[]> {
  const { rows } = await database.query<{ runId: string; vehicleIds: string[] }>(
    `SELECT sync.run_id AS "runId", array_agg(sync.vehicle_id::text) AS "vehicleIds"
       FROM vehicle_syncs AS sync JOIN sync_runs AS run USING (run_id)
      WHERE sync.state = 'claimed' AND sync.read_id IS NOT NULL AND run.state <> 'running'
        AND NOT EXISTS (SELECT FROM table_slices AS slice WHERE slice.read_id = sync.read_id AND slice.state = 'claimed')
      GROUP BY 1`,
  );
  return rows;
}
