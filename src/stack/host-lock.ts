import { createHash } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HostLock {
  release(): Promise<void>;
}

// The lock is an abstract Unix socket: the kernel frees it when the process ends, also by kill -9, so no lock file
// stays behind. The name is hashed, because it may have at most 107 bytes.
export function tryLock(name: string): Promise<HostLock | null> {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  const server = net.createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(new Error(`Cannot take the lock "${name}": ${error.message}`, { cause: error }));
    });
    server.listen({ path: `\0fleetgraph-${hash}` }, () => {
      server.unref();
      resolve({ release: () => new Promise<void>((done) => server.close(() => done())) });
    });
  });
}

// For work that only one process on this machine may do at a time: installing packages, building Temporal.
export async function withHostLock<T>(name: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let lock = await tryLock(name);
  if (lock === null) onWait();
  while (lock === null) {
    await sleep(500);
    lock = await tryLock(name);
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
