import { once } from 'node:events';
import net from 'node:net';

/** What the proxy does to connections, those that are open included (`refuse` only to new ones). */
export type Fault =
  | { kind: 'pass' }
  /** New connections are reset at once. */
  | { kind: 'refuse' }
  /** Bytes are swallowed in both directions and nothing is ever closed: a host that went away. */
  | { kind: 'blackhole' }
  /** Every connection is reset. */
  | { kind: 'rst' }
  | { kind: 'latency'; ms: number }
  /** Bytes per second and direction. */
  | { kind: 'rate'; bytesPerSecond: number }
  /** A connection is reset when the server has sent so many bytes more. */
  | { kind: 'cut-after'; bytes: number }
  /** From the moment the client's bytes match, nothing the server says gets through; with `reset`, the client's side is then reset. */
  | { kind: 'drop-reply-after'; pattern: RegExp; reset?: boolean };

export interface FaultProxy {
  host: string;
  port: number;
  set(fault: Fault): void;
  /** How often a drop-reply-after has struck. */
  dropped(): number;
  close(): Promise<void>;
}

interface Link {
  client: net.Socket;
  server: net.Socket;
  /** Bytes that may still come from the server. */
  left: number;
  heard: string;
  mute: boolean;
}

/** A TCP proxy with real faults, for the way to a server that is not to be harmed itself. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const links = new Set<Link>();
  let fault: Fault = { kind: 'pass' };
  let dropped = 0;

  function open(client: net.Socket): void {
    if (fault.kind === 'refuse' || fault.kind === 'rst') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const server = net.connect({ ...target, noDelay: true });
    const link: Link = { client, server, left: cutLimit(fault), heard: '', mute: false };
    links.add(link);
    client.setNoDelay(true);
    join(client, server, (bytes) => hear(link, bytes));
    join(server, client, (bytes) => answer(link, bytes));
    client.on('close', () => links.delete(link));
  }

  /** Waits for each piece before the next one, so that latency and rate keep the order. */
  function join(from: net.Socket, to: net.Socket, pass: (bytes: Buffer) => boolean): void {
    let last = Promise.resolve();
    from.on('data', (bytes) => {
      from.pause();
      last = last
        .then(() => delay(fault, bytes.length))
        .then(() => {
          if (pass(bytes) && !to.destroyed) to.write(bytes);
          from.resume();
        });
    });
    from.on('end', () => void last.then(() => (fault.kind === 'blackhole' ? undefined : to.end())));
    from.on('error', () => to.destroy());
    from.on('close', () => void last.then(() => (fault.kind === 'blackhole' ? undefined : to.destroy())));
  }

  function hear(link: Link, bytes: Buffer): boolean {
    if (fault.kind === 'blackhole') return false;
    if (fault.kind !== 'drop-reply-after') return true;
    // The pattern may come in two pieces.
    link.heard = (link.heard + bytes.toString('latin1')).slice(-4096);
    if (!link.mute && fault.pattern.test(link.heard)) {
      link.mute = true;
      dropped++;
    }
    return true;
  }

  function answer(link: Link, bytes: Buffer): boolean {
    if (fault.kind === 'blackhole' || (link.mute && fault.kind === 'drop-reply-after' && fault.reset !== true))
      return false;
    link.left -= bytes.length;
    if (link.mute || link.left < 0) {
      reset(link);
      return false;
    }
    return true;
  }

  const listener = net.createServer(open).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    host: '127.0.0.1',
    port: (listener.address() as net.AddressInfo).port,
    dropped: () => dropped,
    set(next) {
      fault = next;
      for (const link of links) {
        Object.assign(link, { left: cutLimit(next), heard: '', mute: false });
        if (next.kind === 'rst') reset(link);
      }
    },
    async close() {
      for (const link of links) reset(link);
      listener.close();
      await once(listener, 'close');
    },
  };
}

function reset({ client, server }: Link): void {
  client.resetAndDestroy();
  server.destroy();
}

const cutLimit = (fault: Fault): number => (fault.kind === 'cut-after' ? fault.bytes : Number.POSITIVE_INFINITY);

function delay(fault: Fault, bytes: number): Promise<void> {
  const ms = fault.kind === 'latency' ? fault.ms : fault.kind === 'rate' ? (bytes / fault.bytesPerSecond) * 1000 : 0;
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
