import type pg from 'pg';
import { type FailureCode, isFailureCode } from '../../../errors.ts';

/** How a vehicle's sync in a run ended. */
export type Settlement = { status: 'completed' } | { status: 'failed'; code: FailureCode; message: string };

export interface SettledKey {
  runId: string;
  vehicleId: string;
}

/** Below this a range costs more to begin than to sync. */
const SHORTEST_RANGE = 100;
/** A failure's text is read in a table and kept for the run's lifetime. */
const MESSAGE_LENGTH = 2_000;

/** The work clock, stopped; `vehicle-work.ts` has the sum. */
const CLOCK_STOPPED = `worked_ms = worked_ms + CASE WHEN working_since IS NULL THEN 0 ELSE
    least(extract(epoch FROM clock_timestamp() - working_since) * 1000, 10000) END::bigint,
  working_since = NULL, lease_until = NULL`;

/**
 * Ends a vehicle's part in a run; the totals are what the import ledger proves, not what a workflow remembers. The caller holds the
 * row's lock. A vehicle that is settled already stays as it is.
 */
export async function settleVehicle(client: pg.ClientBase, key: SettledKey, settlement: Settlement): Promise<void> {
  const failure = settlement.status === 'failed' ? settlement : null;
  await client.query(
    `UPDATE vehicle_syncs SET state = 'settled', status = $3, failure_code = $4, failure_message = $5,
            settled_at = clock_timestamp(), ${CLOCK_STOPPED},
            ranges = done.ranges, rows = done.rows, inserted = done.inserted, duplicates = done.duplicates,
            quarantined = done.quarantined, bytes = done.bytes
     FROM (SELECT count(*) AS ranges, coalesce(sum(rows), 0) AS rows, coalesce(sum(inserted), 0) AS inserted,
                  coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(quarantined), 0) AS quarantined,
                  coalesce(sum(bytes), 0) AS bytes
           FROM import_ledger WHERE run_id = $1 AND vehicle_id = $2) AS done
     WHERE run_id = $1 AND vehicle_id = $2 AND state <> 'settled'`,
    [
      key.runId,
      key.vehicleId,
      settlement.status,
      failure?.code ?? null,
      failure?.message.slice(0, MESSAGE_LENGTH) ?? null,
    ],
  );
  if (failure?.code === 'VehicleTimeout') await shortenRanges(client, key);
  if (failure) return;
  // A row that a load holds is being synced again right now and will be newer than this.
  await client.query(
    `UPDATE vehicles SET last_synced_at = clock_timestamp(), range_rows = NULL
     WHERE id IN (SELECT id FROM vehicles WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)`,
    [key.vehicleId],
  );
}

/**
 * A sync that used up its time before its first range was in would do so again and again: the next one begins with an eighth of that
 * range. An eighth, because what the time-out cuts off is lost work: two such ranges fit where one of twice the size just does not.
 */
async function shortenRanges(client: pg.ClientBase, { runId, vehicleId }: SettledKey): Promise<void> {
  await client.query(
    `UPDATE vehicles SET range_rows = greatest(${SHORTEST_RANGE}, least(range_rows, sync.planned_rows,
            (SELECT value::bigint FROM system_settings WHERE key = 'legacy_sync.export.range_rows')) / 8)
     FROM vehicle_syncs AS sync
     WHERE id = $2 AND sync.run_id = $1 AND sync.vehicle_id = $2 AND sync.ranges = 0`,
    [runId, vehicleId],
  );
}

/** Gives a claimed vehicle back to its run, to be claimed again at the run's end and not within `afterMs`. */
export async function putBack(
  client: pg.ClientBase,
  key: SettledKey,
  { reason, afterMs }: { reason: string; afterMs: number },
): Promise<void> {
  await client.query(
    `UPDATE vehicle_syncs SET state = 'planned', status = 'idle', slot = NULL, sequence = NULL, claimed_at = NULL,
            deferrals = deferrals + 1, not_before = clock_timestamp() + $3 * interval '1 millisecond',
            failure_message = $4, ${CLOCK_STOPPED}
     WHERE run_id = $1 AND vehicle_id = $2 AND state = 'claimed'`,
    [key.runId, key.vehicleId, afterMs, reason.slice(0, MESSAGE_LENGTH)],
  );
}

/** A code from a workflow is text: one that fleetgraph does not know is `Unexpected`. */
export function failureCode(code: string | undefined): FailureCode {
  return isFailureCode(code) ? code : 'Unexpected';
}
