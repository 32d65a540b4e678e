import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the proxy does to its connections, open ones included; `refuse` only affects new ones. */
export type Fault =
  | { kind: 'pass' }
  /** New connections are reset at once. */
  | { kind: 'refuse' }
  /** Bytes are dropped in both directions and no connection is closed, as when a host has disappeared. */
  | { kind: 'blackhole' }
  /** Every connection is reset. */
  | { kind: 'rst' }
  | { kind: 'latency'; ms: number }
  /** Bytes per second and direction. */
  | { kind: 'rate'; bytesPerSecond: number }
  /** A connection is reset when the server has sent this many more bytes. */
  | { kind: 'cut-after'; bytes: number }
  /** One bit of the server's next bytes is another, once in each connection. */
  | { kind: 'corrupt' }
  /** Once the client's bytes match, the server's bytes are dropped; with `reset` the client's side is then reset. */
  | { kind: 'drop-reply-after'; pattern: RegExp; reset?: boolean };

export interface FaultProxy {
  host: string;
  port: number;
  set(fault: Fault): void;
  /** The connections so far, the most at one time, and the bytes that the server has sent. */
  traffic(): { accepted: number; most: number; bytes: number };
  /** How many times a drop-reply-after has dropped a reply. */
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
  /** One of its bytes has been changed. */
  corrupted: boolean;
}

/** Starts a TCP proxy that makes real faults on the way to a server, and leaves the server alone. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const links = new Set<Link>();
  let fault: Fault = { kind: 'pass' };
  let dropped = 0;
  const traffic = { accepted: 0, most: 0, bytes: 0 };

  function open(client: net.Socket): void {
    if (fault.kind === 'refuse' || fault.kind === 'rst') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const server = net.connect({ ...target, noDelay: true });
    const link: Link = { client, server, left: cutLimit(fault), heard: '', mute: false, corrupted: false };
    links.add(link);
    traffic.accepted += 1;
    traffic.most = Math.max(traffic.most, links.size);
    client.setNoDelay(true);
    join(client, server, (bytes) => hear(link, bytes));
    join(server, client, (bytes) => answer(link, bytes));
    const forget = (): void => void (client.destroyed && server.destroyed && links.delete(link));
    client.on('close', forget);
    server.on('close', forget);
  }

  /**
   * Keeps the order. A late line delays each piece by as much from when it came, however many are under way; otherwise each piece waits for
   * the one before it.
   */
  function join(from: net.Socket, to: net.Socket, pass: (bytes: Buffer) => boolean): void {
    let last = Promise.resolve();
    const delay = createDelay();
    from.on('data', (bytes) => {
      const late = fault.kind === 'latency';
      if (!late) from.pause();
      const delayed = delay(fault, bytes.length);
      last = last
        .then(() => delayed)
        .then(() => {
          if (pass(bytes) && !to.destroyed) to.write(bytes);
          if (!late) from.resume();
        });
    });
    from.on('end', () => void last.then(() => (fault.kind === 'blackhole' ? undefined : to.end())));
    from.on('error', () => to.destroy());
    from.on('close', () => void last.then(() => (fault.kind === 'blackhole' ? undefined : to.destroy())));
  }

  function hear(link: Link, bytes: Buffer): boolean {
    if (fault.kind === 'blackhole') return false;
    if (fault.kind !== 'drop-reply-after') return true;
    // The pattern may arrive in two pieces.
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
    if (fault.kind === 'corrupt' && !link.corrupted) {
      link.corrupted = true;
      const at = bytes.length >> 1;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    }
    link.left -= bytes.length;
    traffic.bytes += bytes.length;
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
    traffic: () => ({ ...traffic }),
    dropped: () => dropped,
    set(next) {
      fault = next;
      for (const link of links) {
        Object.assign(link, { left: cutLimit(next), heard: '', mute: false, corrupted: false });
        // When one side closed during a black hole, the other side learns of it now.
        const halfOpen = link.client.destroyed !== link.server.destroyed;
        if (next.kind === 'rst' || (halfOpen && next.kind !== 'blackhole')) reset(link);
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

/** A timer is no finer than a millisecond, so of a fast line several pieces go together. */
const FINEST_MS = 2;

function createDelay(): (fault: Fault, bytes: number) => Promise<void> {
  let due = 0;
  return (fault, bytes) => {
    const now = performance.now();
    if (fault.kind === 'latency') return sleep(fault.ms);
    if (fault.kind !== 'rate') return Promise.resolve();
    due = Math.max(due, now) + (bytes / fault.bytesPerSecond) * 1000;
    return due - now < FINEST_MS ? Promise.resolve() : sleep(due - now);
  };
}
