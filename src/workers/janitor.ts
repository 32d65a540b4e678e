import type { SettledWork } from '../activities/legacy-sync/fleet/lost-work.ts';
import type { SweptFiles } from '../activities/legacy-sync/vehicle/sweep-orphans.ts';
import type { Logger } from '../logger.ts';
import { type Repeated, repeat } from './repeat.ts';

interface JanitorParts {
  settleLostClaims: () => Promise<SettledWork>;
  settleLostRollouts: () => Promise<string[]>;
  sweepOrphans: (signal: AbortSignal) => Promise<SweptFiles>;
  intervalMs: () => number;
  logger: Logger;
}

/** Looks at regular intervals for what a crash left: claims whose lease has ended, rollouts that nobody works on, and files whose sync does not run. `settings/legacy-sync/janitor.ts` has the interval. */
export function startJanitor({
  settleLostClaims,
  settleLostRollouts,
  sweepOrphans,
  intervalMs,
  logger,
}: JanitorParts): Repeated {
  const round = async (signal: AbortSignal): Promise<void> => {
    const claims = await settleLostClaims();
    if (claims.lost + claims.putBack + claims.lostRuns.length > 0)
      logger.warn(claims, 'claims were reconciled with Temporal');
    const lostRollouts = await settleLostRollouts();
    if (lostRollouts.length > 0) logger.warn({ lostRollouts }, 'rollouts were ended from outside, and are put back');
    const files = await sweepOrphans(signal);
    if (files.remote + files.local > 0) logger.info(files, 'orphaned files were removed');
  };
  return repeat({ what: 'the janitor', waitMs: async () => intervalMs(), work: round, logger });
}
