import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Failure } from '../../errors.ts';
import { connectFailure } from './connect-failure.ts';
import type { ConnectionPermits } from './connection-permits.ts';
import { type PooledConnection, pooled } from './pooled-connection.ts';
import { connectSsh } from './ssh-connection.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

/** A further connection waits this long for a place: another process may close an idle connection by then. */
const FURTHER_WAIT_MS = 300;
/** Pause after a further connection found no place or failed; sessions use the connections there are. */
const FURTHER_PAUSE_MS = 10_000;
/** sshd drops connections at random above MaxStartups (10:30:100): so one at a time, apart by up to this. */
const JITTER_MS = 40;
const DROPPED_RETRIES = 3;

interface ConnectionOpenerParts {
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
export function connectionOpener({
  target,
  limits,
  permits,
  logger,
  onOpened,
  onFailed,
  onSettled,
}: ConnectionOpenerParts) {
  let current: { needed: boolean; cancel: AbortController; done: Promise<void> } | null = null;
  let pausedUntil = 0;
  let lastOpenedAt = 0;
  let stopped = false;

  async function open(needed: boolean, signal: AbortSignal): Promise<void> {
    const patience = needed ? signal : AbortSignal.any([signal, AbortSignal.timeout(FURTHER_WAIT_MS)]);
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
      pausedUntil = needed ? 0 : Date.now() + FURTHER_PAUSE_MS;
      if ((cause as Error).name === 'TimeoutError') return;
      const failure = connectFailure(target, cause);
      logger.warn({ server: target.id, code: failure.code }, 'ssh connection not opened');
      // Nobody waits for a further connection. Requests that came meanwhile cause an attempt of their own.
      if (needed) onFailed(failure);
    }
  }

  return {
    /** `wanted`: another connection would help and the limit allows it. `needed`: there is none, and a request waits. */
    consider: ({ wanted, needed }: { wanted: boolean; needed: boolean }): void => {
      // Once no request waits here, another process's place is not needed.
      if (current?.needed && !needed) current.cancel.abort();
      if (stopped || current !== null || !wanted || (!needed && Date.now() < pausedUntil)) return;
      const cancel = new AbortController();
      const done = attempt(needed, cancel.signal).finally(() => {
        current = null;
        onSettled();
      });
      current = { needed, cancel, done };
    },
    /** Another process waits for a place, so this one opens no further connection for a while. */
    yieldPlace: (): void => {
      if (current?.needed === false) current.cancel.abort();
      pausedUntil = Date.now() + FURTHER_PAUSE_MS;
    },
    underway: () => (current === null ? 0 : 1),
    stop: () => {
      stopped = true;
      current?.cancel.abort();
    },
    settled: async () => current?.done,
  };
}

/** sshd drops a connection before the handshake when MaxStartups is reached: trying again a little later helps. */
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
