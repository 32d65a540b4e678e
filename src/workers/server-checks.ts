import {
  type CheckServersDependencies,
  createCheckServers,
} from '../activities/legacy-sync/legacy-host/check-servers.ts';
import { type Repeated, repeat } from './repeat.ts';

/** A server is late for its check by no more than this. */
const LOOK_EVERY_MS = 10_000;

/** Checks the legacy servers at the interval of their setting. */
export const startServerChecks = (parts: CheckServersDependencies): Repeated =>
  repeat({
    what: 'the health checks of the legacy servers',
    waitMs: async () => LOOK_EVERY_MS,
    work: createCheckServers(parts),
    logger: parts.logger,
  });
