import type { SessionOptions } from '../../../connections/ssh/session-places.ts';
import { Failure } from '../../../errors.ts';

export interface TransferPermitsOfServer {
  acquire(signal?: AbortSignal): Promise<{ release(): Promise<void>; onLost(callback: () => void): void }>;
}

export interface TransferPlaces {
  /** Runs `fn` while one of the server's transfer places is ours; its signal also aborts when the place is taken away. */
  hold<T>(session: SessionOptions, fn: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** A shorter wait is not reported. */
const QUEUED_AFTER_MS = 50;

export function transferPlaces(permits: TransferPermitsOfServer, serverId: string): TransferPlaces {
  return {
    hold: async ({ signal, onQueued }, fn) => {
      let queued = false;
      const notice = setTimeout(() => {
        queued = true;
        onQueued?.(true);
      }, QUEUED_AFTER_MS);
      const permit = await permits.acquire(signal).finally(() => {
        clearTimeout(notice);
        if (queued) onQueued?.(false);
      });
      const lost = new AbortController();
      permit.onLost(() =>
        lost.abort(
          new Failure(
            'TransferFailed',
            `A transfer from ${serverId} lost its permit while this process stood still. It goes on with the next attempt.`,
          ),
        ),
      );
      try {
        return await fn(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
      } finally {
        await permit.release();
      }
    },
  };
}
