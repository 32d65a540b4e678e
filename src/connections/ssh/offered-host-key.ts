import { Client } from 'ssh2';
import { Failure } from '../../errors.ts';
import { hostKeyFingerprint } from './host-key.ts';
import { LEGACY_ALGORITHMS } from './legacy-algorithms.ts';
import type { SshTarget } from './ssh-target.ts';

/**
 * The fingerprint of the host key that a host shows; nothing is sent after it, and nothing proves that the host is the one that is meant: a person
 * compares. Errors: SshUnreachable.
 */
export async function offeredHostKey(
  { host, port, legacyAlgorithms }: Pick<SshTarget, 'host' | 'port' | 'legacyAlgorithms'>,
  timeoutMs = 20_000,
): Promise<string> {
  const client = new Client();
  try {
    return await new Promise<string>((resolve, reject) => {
      client.on('error', reject);
      client.once('close', () => reject(new Error('the connection was closed before a host key was shown')));
      client.connect({
        host,
        port,
        // Any name: the login is never reached.
        username: 'nobody',
        readyTimeout: timeoutMs,
        hostVerifier: (offered: Buffer) => {
          resolve(hostKeyFingerprint(offered));
          return false;
        },
        ...(legacyAlgorithms ? { algorithms: LEGACY_ALGORITHMS } : {}),
      });
    });
  } catch (cause) {
    const message = `Cannot connect to ${host}:${port}: ${(cause as Error).message}. Check that sshd answers there.`;
    throw new Failure('SshUnreachable', message, { cause });
  } finally {
    client.on('error', () => {});
    client.destroy();
  }
}
