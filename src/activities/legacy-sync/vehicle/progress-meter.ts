import type { SlotProgress, WorkerStatus } from '../../../records/progress.ts';
import { isSliceId } from '../../../records/slice-claims.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { VehicleContext } from '../vehicle-context.ts';

export interface ProgressMeter {
  setStatus(status: WorkerStatus): void;
  /** Bytes of the file under way, and rows of it that were read. */
  report(bytes: number, rows?: number): void;
  read(): SlotProgress;
}

/** How fast a new rate replaces the old one, per reading (one a second). */
const RATE_WEIGHT = 0.3;

export function createProgressMeter(
  key: VehicleSyncKey,
  { label, sync }: VehicleContext,
  now = Date.now,
): ProgressMeter {
  const startedAt = now();
  let status: WorkerStatus = 'idle';
  let bytes = 0;
  let rows = 0;
  let bytesPerSecond = 0;
  let measured = { at: startedAt, bytes: 0 };

  const measure = (): void => {
    const elapsedMs = now() - measured.at;
    if (elapsedMs < 250) return;
    const rate = (Math.max(0, bytes - measured.bytes) * 1_000) / elapsedMs;
    bytesPerSecond = bytesPerSecond === 0 ? rate : bytesPerSecond + RATE_WEIGHT * (rate - bytesPerSecond);
    measured = { at: now(), bytes };
  };

  return {
    setStatus(next) {
      status = next;
      bytes = 0;
      measured = { at: now(), bytes: 0 };
    },
    report(nextBytes, nextRows) {
      bytes = nextBytes;
      rows = nextRows ?? rows;
    },
    read() {
      measure();
      const done = sync.rows + rows;
      const planned = Math.max(sync.plannedRows, done);
      const rowsPerMs = rows / Math.max(1, now() - startedAt);
      return {
        workerId: key.slot,
        status,
        // A slice of a table has no vehicle of its own: its label says what it is.
        vehicleId: isSliceId(key.vehicleId) ? null : key.vehicleId,
        label,
        bytes,
        rows: done,
        plannedRows: planned,
        percent: planned === 0 ? 100 : Math.floor((100 * done) / planned),
        bytesPerSecond: Math.round(bytesPerSecond),
        etaSeconds: rowsPerMs === 0 ? null : Math.round((planned - done) / rowsPerMs / 1_000),
        updatedAt: new Date(now()).toISOString(),
      };
    },
  };
}
