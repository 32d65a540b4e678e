import { startCommand, startSftp } from './open-channel.ts';
import { runOnChannel } from './remote-run.ts';
import type { RemoteShell } from './remote-shell.ts';
import type { sessionLease } from './session-lease.ts';
import { runSftp } from './sftp-run.ts';

/** What can be done with a lent session. */
export function sessionShell(lease: ReturnType<typeof sessionLease>, where: string): RemoteShell {
  let busy = false;

  async function exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (busy) throw new Error('An SSH session does one thing at a time.');
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  }

  return {
    get hostKey() {
      return lease.current().hostKey;
    },
    run: (script, options) =>
      exclusively(async () => {
        options.signal?.throwIfAborted();
        const channel = await lease.open(startCommand);
        const on = lease.current();
        const onStuck = () => {
          on.draining = true;
        };
        return runOnChannel(channel, script, { ...options, where, onStuck });
      }),
    sftp: (use, { signal }) =>
      exclusively(async () => {
        signal?.throwIfAborted();
        return runSftp(await lease.open(startSftp), use, { where, signal });
      }),
  };
}
