import { setTimeout as sleep } from 'node:timers/promises';
import type { Reconciled } from '../activities/legacy-sync/fleet/reconcile-claims.ts';
import type { SweptFiles } from '../activities/legacy-sync/vehicle/sweep-orphans.ts';
import type { Logger } from '../logger.ts';

export interface Janitor {
  close(): Promise<void>;
}

interface JanitorParts {
  reconcileClaims: () => Promise<Reconciled>;
  sweepOrphans: (signal: AbortSignal) => Promise<SweptFiles>;
  intervalMs: () => number;
  logger: Logger;
}

/** Looks again and again for what a crash left: claims that nobody renews, and files that nobody alive owns. */
export function startJanitor({ reconcileClaims, sweepOrphans, intervalMs, logger }: JanitorParts): Janitor {
  const stopping = new AbortController();
  const { signal } = stopping;

  const round = async (): Promise<void> => {
    const claims = await reconcileClaims();
    if (claims.lost + claims.putBack + claims.lostRuns.length > 0)
      logger.warn(claims, 'claims were reconciled with Temporal');
    const files = await sweepOrphans(signal);
    if (files.remote + files.local > 0) logger.info(files, 'orphaned files were removed');
  };
  const ended = (async () => {
    while (!signal.aborted) {
      await round().catch((error: unknown) => {
        if (!signal.aborted)
          logger.warn({ err: error }, 'the janitor could not finish its round; the next one tries again');
      });
      // Spread over processes that were started together.
      await sleep(intervalMs() * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  })();
  return {
    async close() {
      stopping.abort();
      await ended;
    },
  };
}
