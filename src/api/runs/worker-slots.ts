import type { ProgressStore, SlotProgress, WorkerStatus } from '../../records/progress.ts';
import { claimedInRun } from '../../records/vehicle-syncs.ts';
import { sliceLabel } from '../../workflows/legacy-sync/messages.ts';
import type { Database } from '../core/database.ts';

const BYTES_PER_MB = 1_000_000;

/** One worker slot of a run, the spec's "worker N". */
export interface WorkerSlot {
  slot: number;
  status: WorkerStatus;
  /** The same value as `status`: the spec uses both names. */
  stage: WorkerStatus;
  vehicleId: string | null;
  /** The vehicle's label, or what slice of a table it is. */
  vehicle: string | null;
  bytes: number;
  rows: number;
  plannedRows: number;
  percent: number;
  bytesPerSecond: number;
  mbPerSecond: number;
  etaSeconds: number | null;
  updatedAt: string | null;
}

/** Reads the slots from Redis, where they are seconds old. When Redis does not answer, it uses the claims in PostgreSQL. */
export async function readSlots(
  database: Database,
  progress: ProgressStore,
  runId: string,
): Promise<{ live: boolean; workers: WorkerSlot[] }> {
  try {
    return { live: true, workers: (await progress.read(runId)).map(fromProgress) };
  } catch {
    const rows = await claimedInRun(database.reader, runId);
    return {
      live: false,
      workers: rows.map(({ slot, status, vehicle, slice, rows: done, plannedRows, bytes }) => ({
        slot,
        status,
        stage: status,
        vehicleId: vehicle?.vehicleId ?? null,
        vehicle: slice === null ? (vehicle?.label ?? null) : sliceLabel(slice),
        bytes,
        rows: done,
        plannedRows,
        percent: plannedRows === 0 ? 0 : Math.min(100, Math.round((100 * done) / plannedRows)),
        bytesPerSecond: 0,
        mbPerSecond: 0,
        etaSeconds: null,
        updatedAt: null,
      })),
    };
  }
}

function fromProgress({ workerId, label, ...progress }: SlotProgress): WorkerSlot {
  const mbPerSecond = Math.round((100 * progress.bytesPerSecond) / BYTES_PER_MB) / 100;
  return { slot: workerId, stage: progress.status, vehicle: label, mbPerSecond, ...progress };
}
