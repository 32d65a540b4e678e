import type { Logger } from 'pino';
import type { Failure } from '../../errors.ts';
import type { ConnectionPermits } from './connection-permits.ts';
import { connectionOpener } from './connection-opener.ts';
import { idleWatch } from './idle-watch.ts';
import { freest, giveBackOne, type PooledConnection, retire } from './pooled-connection.ts';
import { sustainedDemand } from './sustained-demand.ts';
import type { SshPoolLimits, SshTarget } from './ssh-target.ts';

export interface ConnectionSetParts {
  target: SshTarget;
  limits: SshPoolLimits;
  permits: ConnectionPermits;
  logger: Logger;
  /** A session may be free now, or a connection gone. */
  onChange(): void;
  /** No connection could be opened and there is none. */
  onStranded(reason: Failure): void;
}

/** This process's connections to one legacy server: opened on demand, closed when idle, above the limit, or when another process needs the place. */
export function connectionSet(parts: ConnectionSetParts) {
  const { target, limits, logger } = parts;
  const members = new Set<PooledConnection>();
  const counts = { opened: 0, lost: 0 };
  const othersDemand = sustainedDemand();
  let closing = false;

  const idle = idleWatch(limits);
  const { lend, takeBack } = lending(members, idle, parts.onChange);
  const opener = connectionOpener({
    ...parts,
    onOpened: join,
    onFailed: (reason) => members.size === 0 && parts.onStranded(reason),
    onSettled: parts.onChange,
  });

  function join(member: PooledConnection): void {
    counts.opened += 1;
    members.add(member);
    member.permit.onWanted(wanted);
    member.permit.onLost(() => member.client.destroy());
    void member.closed.then(() => leave(member));
    if (closing) return retire(member);
    idle.watch(member);
    parts.onChange();
  }

  function leave(member: PooledConnection): void {
    if (!member.draining) counts.lost += 1;
    if (!member.draining) logger.warn({ server: target.id }, 'ssh connection lost');
    member.gone = true;
    idle.unwatch(member);
    members.delete(member);
    for (const tell of member.onGone) tell();
    // The permit is given back after the connection has closed, never before, because the server counts connections.
    member.permit.release().catch((error: unknown) => logger.warn({ err: error }, 'ssh permit not released'));
    parts.onChange();
  }

  /** Another process waits for a place. */
  function wanted(): void {
    opener.yieldPlace();
    const persists = othersDemand.persists();
    if (persists || [...members].some((member) => member.sessions === 0)) giveBackOne(members);
  }

  return {
    counts,
    giveBack: () => giveBackOne(members),
    list: () => [...members],
    /** Connections that are open or about to be. */
    size: () => members.size + opener.underway(),
    lend,
    takeBack,
    /** Opens or closes a connection where `limit` and demand ask for it. */
    adjust: ({ limit, waiting }: { limit: number; waiting: number }): void => {
      if (closing) return;
      if (members.size > limit) giveBackOne(members);
      opener.consider(demand([...members], limit, waiting));
    },
    close: async (): Promise<void> => {
      closing = true;
      opener.stop();
      await Promise.all([opener.settled(), ...[...members].map((member) => endWithin(member, 2_000))]);
    },
  };
}

/** Lends sessions on the connections there are. */
function lending(members: Set<PooledConnection>, idle: ReturnType<typeof idleWatch>, onChange: () => void) {
  return {
    lend: (sessionLimit: number): PooledConnection | null => {
      const member = freest(members, sessionLimit);
      if (member === null) return null;
      member.sessions += 1;
      idle.unwatch(member);
      return member;
    },
    takeBack: (member: PooledConnection): void => {
      member.sessions -= 1;
      if (member.sessions === 0 && member.draining) member.client.end();
      else if (member.sessions === 0 && !member.gone) idle.watch(member);
      onChange();
    },
  };
}

function demand(members: PooledConnection[], limit: number, waiting: number) {
  const usable = members.filter((member) => !member.draining);
  const busy = usable.length > 0 && usable.every((member) => member.sessions > 0);
  return {
    wanted: members.length < limit && (waiting > 0 || busy),
    needed: waiting > 0 && members.length === 0,
  };
}

async function endWithin(member: PooledConnection, timeoutMs: number): Promise<void> {
  member.draining = true;
  member.client.end();
  const timer = setTimeout(() => member.client.destroy(), timeoutMs);
  await member.closed;
  clearTimeout(timer);
  await member.permit.release();
}
