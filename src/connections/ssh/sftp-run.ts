import type { SFTPWrapper } from 'ssh2';
import { connectionLost } from './session-failure.ts';

/** Errors: SshConnectionLost, the signal's reason, and what `use` throws. */
export async function runSftp<T>(
  sftp: SFTPWrapper,
  use: (sftp: SFTPWrapper) => Promise<T>,
  { where, signal }: { where: string; signal?: AbortSignal | undefined },
): Promise<T> {
  const closed = new Promise<void>((resolve) => sftp.once('close', () => resolve()));
  const stopped = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    void closed.then(() => reject(connectionLost(where, new Error('the SFTP session closed'))));
    sftp.on('error', (error: Error) => reject(connectionLost(where, error)));
  });
  stopped.catch(() => {});
  try {
    return await Promise.race([use(sftp), stopped]);
  } finally {
    sftp.end();
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
  }
}
