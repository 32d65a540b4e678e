import type { ProgressStore, SlotProgress, WorkerStatus } from '../../connections/progress.ts';
import type { Database } from '../core/database.ts';
import { claimedSlots } from './run-queries.ts';

const BYTES_PER_MB = 1_000_000;

/** One worker slot of a run, the spec's "worker N". */
export interface WorkerSlot {
  slot: number;
  status: WorkerStatus;
  /** The same word: the spec calls it both. */
  stage: WorkerStatus;
  vehicleId: string | null;
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

/** From Redis, which is seconds fresh; from PostgreSQL's claims when Redis does not tell. */
export async function readSlots(
  database: Database,
  progress: ProgressStore,
  runId: string,
): Promise<{ live: boolean; workers: WorkerSlot[] }> {
  try {
    return { live: true, workers: (await progress.read(runId)).map(fromProgress) };
  } catch {
    const rows = await claimedSlots(database, runId);
    return {
      live: false,
      workers: rows.map(({ slot, status, vehicleId, label, rows: done, plannedRows, bytes }) => ({
        slot,
        status: status as WorkerStatus,
        stage: status as WorkerStatus,
        vehicleId,
        vehicle: label,
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
