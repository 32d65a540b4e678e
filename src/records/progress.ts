import type { Redis } from 'ioredis';

export type WorkerStatus = 'idle' | 'exporting' | 'transferring' | 'importing' | 'completed' | 'failed';

/** What one worker slot is doing. Times are ISO 8601, sizes are bytes. `percent` counts the rows of this vehicle in this run. */
export interface SlotProgress {
  workerId: number;
  status: WorkerStatus;
  vehicleId: string | null;
  label: string | null;
  /**
   * Bytes of the current file: dumped while exporting, received while transferring, read while importing. Once the vehicle has ended: bytes
   * of all its files.
   */
  bytes: number;
  rows: number;
  plannedRows: number;
  percent: number;
  bytesPerSecond: number;
  etaSeconds: number | null;
  updatedAt: string;
}

const A_DAY_SECONDS = 86_400;
const slotsKey = (runId: string): string => `fleetgraph:run:${runId}:slots`;

/**
 * The live state of a run's worker slots, in Redis. Reading it is fast however busy the run is, and nobody needs it once the run is over.
 * Writing never waits and never fails, because a hung Redis must not stall a sync.
 */
export interface ProgressStore {
  write(runId: string, progress: SlotProgress): void;
  /** The slots that have reported, by slot number. @throws when Redis does not answer */
  read(runId: string): Promise<SlotProgress[]>;
}

export function createProgressStore(redis: Redis): ProgressStore {
  return {
    write(runId, progress) {
      if (redis.status !== 'ready') return;
      redis
        .pipeline()
        .hset(slotsKey(runId), String(progress.workerId), JSON.stringify(progress))
        .expire(slotsKey(runId), A_DAY_SECONDS)
        .exec()
        .catch(() => {});
    },
    async read(runId) {
      const slots = Object.values(await redis.hgetall(slotsKey(runId)));
      return slots.map((text) => JSON.parse(text) as SlotProgress).sort((a, b) => a.workerId - b.workerId);
    },
  };
}
