import type { Queryable } from '../../../connections/postgres.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { QuarantinedRow } from '../dump/row-intake.ts';

/** A statement carries about so many bytes of rows; a larger row goes alone. */
const BATCH_BYTES = 1024 * 1024;

/** Keeps rows that cannot be imported. A row that is there already, read again in an overlap, stays as it is. */
export async function keepQuarantined(
  client: Queryable,
  { vehicleId, runId }: VehicleSyncKey,
  rows: readonly QuarantinedRow[],
): Promise<void> {
  for (const batch of batches(rows)) {
    await client.query(
      `INSERT INTO quarantine (vehicle_id, run_id, legacy_id, reason, column_name, raw)
       SELECT $1, $2, legacy_id, reason, column_name, raw
         FROM unnest($3::numeric[], $4::text[], $5::text[], $6::bytea[]) AS row (legacy_id, reason, column_name, raw)
       ON CONFLICT (vehicle_id, raw_sha256) DO NOTHING`,
      [
        vehicleId,
        runId,
        batch.map((row) => row.legacyId),
        batch.map((row) => row.reason),
        batch.map((row) => row.column),
        batch.map((row) => row.raw),
      ],
    );
  }
}

function* batches(rows: readonly QuarantinedRow[]): Generator<QuarantinedRow[]> {
  let batch: QuarantinedRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (batch.length > 0 && bytes + row.raw.length > BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += row.raw.length;
  }
  if (batch.length > 0) yield batch;
}
