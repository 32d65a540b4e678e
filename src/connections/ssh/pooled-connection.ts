import type { ConnectionPermit } from './connection-permits.ts';
import type { SshConnection } from './ssh-connection.ts';

/** A connection as the pool counts it. */
export interface PooledConnection extends SshConnection {
  permit: ConnectionPermit;
  /** Sessions lent, with or without an open channel. */
  sessions: number;
  /** Channels open: what the host's MaxSessions counts. */
  channels: number;
  /** Takes no new session and closes when the last one has ended. */
  draining: boolean;
  gone: boolean;
  /** Called when the connection is gone. A set, because a promise would keep one callback per session as long as the connection exists. */
  onGone: Set<() => void>;
  idleTimer: NodeJS.Timeout | null;
}

export function pooled(connection: SshConnection, permit: ConnectionPermit): PooledConnection {
  const unused = { sessions: 0, channels: 0, draining: false, gone: false, idleTimer: null };
  return { ...connection, permit, ...unused, onGone: new Set() };
}

/** The connection a new session should go to: the one with the fewest sessions that has room. */
export function freest(members: Iterable<PooledConnection>, sessionLimit: number): PooledConnection | null {
  let best: PooledConnection | null = null;
  for (const member of members) {
    if (member.draining || member.gone || member.sessions >= sessionLimit) continue;
    if (best === null || member.sessions < best.sessions) best = member;
  }
  return best;
}

/** Lends no new session, and closes the connection when its last session has ended. */
export function retire(member: PooledConnection): void {
  member.draining = true;
  if (member.sessions === 0) member.client.end();
}

/** Frees one place: retires the least busy connection, unless one is retiring already. */
export function giveBackOne(members: Iterable<PooledConnection>): void {
  const open = [...members];
  const least = open.some((member) => member.draining) ? null : freest(open, Number.POSITIVE_INFINITY);
  if (least !== null) retire(least);
}
