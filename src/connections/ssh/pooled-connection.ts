import type { ConnectionPermit } from './connection-permits.ts';
import type { SshConnection } from './ssh-connection.ts';

/** A connection as the pool counts it. */
export interface PooledConnection extends SshConnection {
  permit: ConnectionPermit;
  /** Sessions lent, whether or not a channel is open at this moment. */
  sessions: number;
  /** Channels open: what the host's MaxSessions counts. */
  channels: number;
  /** Takes no new session and closes when the last one has ended. */
  draining: boolean;
  gone: boolean;
  /** Told when the connection is gone. A set, because promises would collect one callback per session for its whole life. */
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

/** No new session; closes at once, or when the last session has ended. */
export function retire(member: PooledConnection): void {
  member.draining = true;
  if (member.sessions === 0) member.client.end();
}

/** Frees one place: an idle connection at once, else the least busy one when its sessions have ended. One at a time. */
export function giveBackOne(members: Iterable<PooledConnection>): void {
  const open = [...members];
  const least = open.some((member) => member.draining) ? null : freest(open, Number.POSITIVE_INFINITY);
  if (least !== null) retire(least);
}
