import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';

export interface Repeated {
  close(): Promise<void>;
}

interface RepeatParts {
  /** The subject of log lines. */
  what: string;
  /** Called after each round. */
  waitMs: () => Promise<number>;
  work: (signal: AbortSignal) => Promise<unknown>;
  logger: Logger;
}

/** After a failure the next round does not wait longer than this, even when rounds are a day apart. */
const LONGEST_WAIT_AFTER_FAILURE_MS = 10_000;

/** Does `work` in rounds until it is closed. A round that fails is logged, and the next one tries again. */
export function repeat({ what, waitMs, work, logger }: RepeatParts): Repeated {
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
      // At random, so that processes that were started together do not work at the same moment.
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
