import { type FaultProxy, startFaultProxy } from '../test/support/fault-proxy.ts';
import type { Bench } from './bench-stack.ts';

/** A proxy on the way to the legacy host, and the bench as it looks from behind it. */
export async function throughProxy<T>(
  bench: Bench,
  work: (proxy: FaultProxy, behind: Bench) => Promise<T>,
): Promise<T> {
  const { ssh } = bench.stack;
  const proxy = await startFaultProxy({ host: ssh.host, port: ssh.port });
  try {
    const stack = { ...bench.stack, ssh: { ...ssh, host: proxy.host, port: proxy.port } };
    return await work(proxy, { ...bench, stack });
  } finally {
    await proxy.close();
  }
}
