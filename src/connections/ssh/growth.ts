import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Failure } from '../../errors.ts';
import { connectFailure } from './connect-failure.ts';
import type { ConnectionPermits } from './connection-permits.ts';
import { type PooledConnection, pooled } from './pooled-connection.ts';
import { connectSsh } from './ssh-connection.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

/** Growth beyond the first connection waits this long for a place: time enough for another process to close an idle connection. */
const GROWTH_WAIT_MS = 300;
/** Pause after a growth that found no place or failed; sessions go on over what there is. */
const GROWTH_PAUSE_MS = 10_000;
/** sshd drops connections at random above MaxStartups (10:30:100): so one at a time, apart by up to this. */
const JITTER_MS = 40;
const DROPPED_RETRIES = 3;

interface GrowthParts {
  target: SshTarget;
  limits: SshPoolLimits;
  permits: ConnectionPermits;
  logger: Logger;
  onOpened(member: PooledConnection): void;
  onFailed(reason: Failure): void;
  /** An attempt is over, however it went: demand may have changed meanwhile. */
  onSettled(): void;
}

/** Opens connections one after the other: the first one whatever it takes, further ones only where a place is free. */
export function growth({ target, limits, permits, logger, onOpened, onFailed, onSettled }: GrowthParts) {
  let current: { needed: boolean; cancel: AbortController; done: Promise<void> } | null = null;
  let pausedUntil = 0;
  let lastOpenedAt = 0;
  let stopped = false;

  async function open(needed: boolean, signal: AbortSignal): Promise<void> {
    const patience = needed ? signal : AbortSignal.any([signal, AbortSignal.timeout(GROWTH_WAIT_MS)]);
    const permit = await permits.acquire(patience);
    try {
      if (Date.now() - lastOpenedAt < 1_000) await delay(Math.random() * JITTER_MS);
      const connection = await connectPatiently(target, limits);
      lastOpenedAt = Date.now();
      onOpened(pooled(connection, permit));
    } catch (cause) {
      await permit.release();
      throw cause;
    }
  }

  async function attempt(needed: boolean, signal: AbortSignal): Promise<void> {
    try {
      await open(needed, signal);
    } catch (cause) {
      if (signal.aborted) return;
      pausedUntil = needed ? 0 : Date.now() + GROWTH_PAUSE_MS;
      if ((cause as Error).name === 'TimeoutError') return;
      const failure = connectFailure(target, cause);
      logger.warn({ server: target.id, code: failure.code }, 'ssh connection not opened');
      // One that only wanted to grow leaves the next attempt to those who have come to need it meanwhile.
      if (needed) onFailed(failure);
    }
  }

  return {
    /** `wanted`: another connection would help and the limit allows it. `needed`: there is none, and somebody waits. */
    consider: ({ wanted, needed }: { wanted: boolean; needed: boolean }): void => {
      // A wait for another process's place is pointless once nobody waits here.
      if (current?.needed && !needed) current.cancel.abort();
      if (stopped || current !== null || !wanted || (!needed && Date.now() < pausedUntil)) return;
      const cancel = new AbortController();
      const done = attempt(needed, cancel.signal).finally(() => {
        current = null;
        onSettled();
      });
      current = { needed, cancel, done };
    },
    /** Another process waits for a place: ours is not the moment to want one more. */
    yieldPlace: (): void => {
      if (current?.needed === false) current.cancel.abort();
      pausedUntil = Date.now() + GROWTH_PAUSE_MS;
    },
    underway: () => (current === null ? 0 : 1),
    stop: () => {
      stopped = true;
      current?.cancel.abort();
    },
    settled: async () => current?.done,
  };
}

/** A connection dropped before the handshake was MaxStartups at work, which a little patience cures. */
async function connectPatiently(target: SshTarget, limits: SshPoolLimits) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connectSsh(target, {
        connectTimeoutMs: limits.connectTimeoutMs(),
        keepaliveMs: limits.keepaliveMs(),
      });
    } catch (cause) {
      const dropped = /before handshake|ECONNRESET/.test((cause as Error).message);
      if (!dropped || attempt > DROPPED_RETRIES) throw cause;
      await delay(100 * 2 ** attempt * (0.75 + Math.random() / 2));
    }
  }
}
