import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionPermit, ConnectionPermits } from './connection-permits.ts';
import type { connectionSet } from './connection-set.ts';
import type { SshPoolLimits } from './ssh-target.ts';

interface OwnConnectionsParts {
  connections: ReturnType<typeof connectionSet>;
  limits: SshPoolLimits;
  permits: ConnectionPermits;
  /** A place may be free now. */
  onChange(): void;
}

const POLL_MS = 20;

/** Takes places at the server for connections outside the pool, which other programs open by themselves. */
export function ownConnections({ connections, limits, permits, onChange }: OwnConnectionsParts) {
  let taken = 0;

  async function reserve(signal?: AbortSignal): Promise<ConnectionPermit> {
    // The pool's connections make room first, because the permit to wait for may belong to one of them.
    while (connections.size() > 0 && connections.size() + taken > limits.connections()) {
      connections.giveBack();
      await delay(POLL_MS, undefined, signal ? { signal } : {});
    }
    return permits.acquire(signal);
  }

  return {
    count: () => taken,
    use: async <T>(fn: () => Promise<T>, options: { signal?: AbortSignal | undefined } = {}): Promise<T> => {
      let permit: ConnectionPermit | null = null;
      taken += 1;
      try {
        permit = await reserve(options.signal);
        return await fn();
      } finally {
        taken -= 1;
        await permit?.release();
        onChange();
      }
    },
  };
}
