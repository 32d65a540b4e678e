import pLimit from 'p-limit';
import type pg from 'pg';
import { unlessElsewhere } from '../../../connections/advisory-lock.ts';
import { Failure } from '../../../errors.ts';
import type { Logger } from '../../../logger.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { type ServerCheck, recordServerCheck } from '../../../records/server-checks.ts';
import { serversToCheck } from '../../../records/servers-to-check.ts';
import { countInFlight } from '../../../records/work-claims.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyHosts } from './legacy-hosts.ts';

export interface CheckServersDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  settings: () => LegacySyncSettings;
  logger: Logger;
  /** How long a server has to answer; default: 30 s. */
  patienceMs?: number;
}

/** A key of its own in PostgreSQL's advisory lock space: one process at a time checks a legacy server. */
const CHECK_LOCK = 'fleetgraph server check';
/** A server that hangs must not keep the others from their turn. */
const AT_ONCE = 4;
const PATIENCE_MS = 30_000;

/** Checks each legacy server whose turn it is: the login by SSH, and an answer of its MySQL. What is found is a row. */
export function createCheckServers(deps: CheckServersDependencies): (signal: AbortSignal) => Promise<void> {
  const { pool, settings, logger } = deps;
  /** By server: until when no check is made because a sync has all of its sessions. Times are of this process's clock. */
  const busyUntil = new Map<string, number>();

  const check = async (id: string, intervalMs: number, signal: AbortSignal): Promise<void> => {
    try {
      await unlessElsewhere(pool, { name: CHECK_LOCK, key: id }, async () => {
        // Another process may have checked it since we looked.
        if (!(await serversToCheck(pool, intervalMs)).includes(id)) return;
        if ((await checkServer(deps, id, signal)) === 'busy') busyUntil.set(id, performance.now() + intervalMs);
      });
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, serverId: id }, 'a legacy server could not be checked');
    }
  };

  return async (signal) => {
    const intervalMs = settings().checkIntervalMs;
    if (intervalMs === 0) return;
    const place = pLimit(AT_ONCE);
    const due = (await serversToCheck(pool, intervalMs)).filter((id) => (busyUntil.get(id) ?? 0) <= performance.now());
    await Promise.all(due.map((id) => place(() => check(id, intervalMs, signal))));
  };
}

async function checkServer(deps: CheckServersDependencies, id: string, signal: AbortSignal): Promise<'found' | 'busy'> {
  const { pool, logger } = deps;
  const beganAt = performance.now();
  const failure = await failureOf(deps, id, signal);
  signal.throwIfAborted();
  // A sync may have all of its sessions. That the sync works says more than a check.
  if (failure === 'no answer' && (await countInFlight(pool, id)) > 0) return 'busy';
  const found = failure === 'no answer' ? unanswered(id, deps.patienceMs ?? PATIENCE_MS) : failure;
  await recordServerCheck(pool, id, { durationMs: performance.now() - beganAt, failure: found });
  if (found !== null) logger.warn({ serverId: id, ...found }, 'a legacy server failed its health check');
  return 'found';
}

async function failureOf(
  { pool, legacyHosts, patienceMs = PATIENCE_MS }: CheckServersDependencies,
  id: string,
  signal: AbortSignal,
): Promise<ServerCheck['failure'] | 'no answer'> {
  const late = AbortSignal.timeout(patienceMs);
  try {
    const server = await readLegacyServer(pool, id);
    await legacyHosts.of(server).ask(server.database, [], AbortSignal.any([signal, late]));
    return null;
  } catch (error) {
    if (late.aborted) return 'no answer';
    const { code, message } = toFailure(error);
    return { code, message };
  }
}

function unanswered(id: string, patienceMs: number): ServerCheck['failure'] {
  const { code, message } = new Failure(
    'SshUnreachable',
    `Checking ${id}: it has not answered within ${patienceMs / 1_000} s. Look at the host, its sshd and its MySQL.`,
  );
  return { code, message };
}
