import net from 'node:net';

// Above the kernel's ephemeral range (32768-60999): any outgoing connection may take a port of that range as its own
// end, and then no server can listen on it.
const FIRST_PORT = 61_000;
const LAST_PORT = 65_535;
const ATTEMPTS = 200;

export function canListenOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

// Another process may take the port between this test and the server's own bind; then the caller tries the next one.
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await canListenOn(preferred))) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (await canListenOn(port)) return port;
  }
  throw new Error(`Cannot find a free port: ${ATTEMPTS} tries between ${FIRST_PORT} and ${LAST_PORT} were all taken.`);
}
