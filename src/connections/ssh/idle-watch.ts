import { type PooledConnection, retire } from './pooled-connection.ts';
import type { SshPoolLimits } from './ssh-target.ts';

/** Keepalives show only that sshd is alive; this command shows that it still opens sessions. */
const PROBE_COMMAND = 'exit 0';

/** Probes unused connections, and closes those that were unused for long. */
export function idleWatch(limits: SshPoolLimits) {
  function watch(member: PooledConnection, idleSince = Date.now()): void {
    unwatch(member);
    const left = limits.idleCloseMs() - (Date.now() - idleSince);
    member.idleTimer = setTimeout(
      () => void look(member, idleSince),
      Math.max(10, Math.min(limits.idleProbeMs(), left)),
    ).unref();
  }

  async function look(member: PooledConnection, idleSince: number): Promise<void> {
    if (Date.now() - idleSince >= limits.idleCloseMs()) return retire(member);
    const answered = await probe(member, limits.connectTimeoutMs());
    if (member.gone || member.draining) return;
    // A host that hangs would not answer `end` either.
    if (!answered) member.client.destroy();
    else if (member.sessions === 0) watch(member, idleSince);
  }

  function unwatch(member: PooledConnection): void {
    if (member.idleTimer !== null) clearTimeout(member.idleTimer);
    member.idleTimer = null;
  }

  return { watch: (member: PooledConnection) => watch(member), unwatch };
}

function probe(member: PooledConnection, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (answered: boolean) => {
      clearTimeout(timer);
      member.onGone.delete(gone);
      resolve(answered);
    };
    const gone = () => answer(false);
    const timer = setTimeout(gone, timeoutMs);
    member.onGone.add(gone);
    try {
      member.client.exec(PROBE_COMMAND, (error, channel) => {
        if (error) return answer(false);
        channel.once('close', () => answer(true));
        channel.resume();
        channel.stderr.resume();
      });
    } catch {
      answer(false);
    }
  });
}
