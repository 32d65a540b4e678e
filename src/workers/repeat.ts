import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';

export interface Repeated {
  close(): Promise<void>;
}

/** What failed for a moment is not left until the next day. */
const LONGEST_WAIT_AFTER_FAILURE_MS = 10_000;

/** Does `work` again and again, with a wait that is read anew each time. A round that fails is logged and the next one tries again. */
export function repeat(
  what: string,
  waitMs: () => Promise<number>,
  work: (signal: AbortSignal) => Promise<unknown>,
  logger: Logger,
): Repeated {
  const stopping = new AbortController();
  const { signal } = stopping;
  const round = async (): Promise<number> => {
    try {
      await work(signal);
      return await waitMs();
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, `${what} could not finish its round; the next one tries again`);
      return Math.min(LONGEST_WAIT_AFTER_FAILURE_MS, await waitMs().catch(() => LONGEST_WAIT_AFTER_FAILURE_MS));
    }
  };
  const ended = (async () => {
    while (!signal.aborted) {
      const wait = await round();
      // Spread over processes that were started together.
      await sleep(wait * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  })();
  return {
    async close() {
      stopping.abort();
      await ended;
    },
  };
}
