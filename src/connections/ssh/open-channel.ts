import type { ClientChannel, SFTPWrapper } from 'ssh2';
import type { PooledConnection } from './pooled-connection.ts';
import { REMOTE_COMMAND } from './remote-command.ts';

/** Counts the channel as open from its request until it is closed or refused, as the host does. */
function counted<C>(
  member: PooledConnection,
  start: (done: (error: Error | undefined, channel: C) => void) => void,
  onClose: (channel: C, closed: () => void) => void,
): Promise<C> {
  return new Promise((resolve, reject) => {
    let open = true;
    member.channels += 1;
    const closed = () => {
      if (open) member.channels -= 1;
      open = false;
      member.onGone.delete(gone);
    };
    const fail = (error: Error) => {
      closed();
      reject(error);
    };
    // ssh2 does not always answer a request on a connection that dies.
    const gone = () => fail(new Error('the connection closed'));
    member.onGone.add(gone);
    try {
      start((error, channel) => {
        if (error) return fail(error);
        onClose(channel, closed);
        resolve(channel);
      });
    } catch (cause) {
      fail(cause as Error);
    }
  });
}

export function startCommand(member: PooledConnection): Promise<ClientChannel> {
  return counted<ClientChannel>(
    member,
    (done) => void member.client.exec(REMOTE_COMMAND, done),
    (channel, closed) => channel.once('close', closed),
  );
}

export function startSftp(member: PooledConnection): Promise<SFTPWrapper> {
  return counted<SFTPWrapper>(
    member,
    (done) => void member.client.sftp(done),
    (sftp, closed) => sftp.once('close', closed),
  );
}
