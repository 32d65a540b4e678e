import net from 'node:net';

/** A TCP link that can be cut, reset or go silent between our client and a real sshd. */
export async function startSshProxy(target: { host: string; port: number }) {
  const pairs = new Set<{ client: net.Socket; server: net.Socket }>();
  const silent = new Set<net.Socket>();
  let mode: 'pass' | 'silent' | 'drop' = 'pass';
  let accepted = 0;
  const proxy = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    accepted += 1;
    if (mode === 'drop') return void client.destroy();
    if (mode === 'silent') return void silent.add(client);
    const server = net.connect({ ...target, noDelay: true, allowHalfOpen: true });
    const pair = { client, server };
    pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (chunk) => void (mode === 'pass' && to.write(chunk)));
      from.on('end', () => void (mode === 'pass' && to.end()));
      from.on('error', () => to.destroy());
      from.on('close', () => pairs.delete(pair));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as net.AddressInfo).port,
    accepted: () => accepted,
    open: () => pairs.size,
    /** `silent` swallows everything in both directions and says nothing: a dead link. `drop` closes new connections at once. */
    setMode: (next: typeof mode) => {
      mode = next;
    },
    /** The server's end is seen to close in order, in the middle of whatever is under way. */
    finToClient: () => pairs.forEach(({ client, server }) => (client.end(), server.destroy())),
    reset: () => pairs.forEach(({ client, server }) => (client.resetAndDestroy(), server.resetAndDestroy())),
    close: () => {
      for (const socket of silent) socket.destroy();
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      return new Promise<void>((resolve) => proxy.close(() => resolve()));
    },
  };
}
