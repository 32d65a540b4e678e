import type pg from 'pg';
import type { Logger } from 'pino';
import { readLineSpeeds, recordLineSpeed } from '../records/line-speeds.ts';

/** How fast the line to one legacy server is, as all workers measured it. */
export interface LineMeter {
  /** Bytes per second that one transfer gets; null: no transfer was large enough to say. */
  known(): Promise<number | null>;
  /** One transfer's bytes, and the seconds in which they came. */
  heard(bytes: number, seconds: number): Promise<void>;
}

/** The row is read again after this time, because other workers measure, too. */
const ASK_AGAIN_MS = 60_000;
/**
 * An older measurement is not used. A line that was slow once need not be slow for good, and transfers that are too quick to be measured would never
 * show it.
 */
const OLD_MS = 24 * 3_600_000;
/** Fewer bytes fit into the buffers of the sockets on the way, and say nothing of the line. */
const LEAST_BYTES = 1_048_576;

/** Nothing here fails the work that is measured: what cannot be read or written is logged. */
export function createLineMeter(pool: pg.Pool, serverId: string, logger: Logger): LineMeter {
  let last: { at: number; bytesPerSecond: number | null } | undefined;
  const ask = async (): Promise<number | null> => {
    const speed = (await readLineSpeeds(pool, serverId)).get(serverId);
    return speed === undefined || Date.now() - speed.measuredAt.getTime() > OLD_MS ? null : speed.bytesPerSecond;
  };
  const leniently = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      logger.warn(
        { server: serverId, err: error },
        `${what} the speed of the line failed; the work goes on without it`,
      );
    }
  };
  return {
    async known() {
      const now = performance.now();
      if (last === undefined || now - last.at > ASK_AGAIN_MS) {
        const before = last?.bytesPerSecond ?? null;
        last = { at: now, bytesPerSecond: before };
        await leniently('Reading', async () => void (last = { at: now, bytesPerSecond: await ask() }));
      }
      return last.bytesPerSecond;
    },
    async heard(bytes, seconds) {
      if (bytes < LEAST_BYTES || seconds <= 0) return;
      await leniently('Recording', () => recordLineSpeed(pool, serverId, bytes / seconds));
      last = undefined;
    },
  };
}
