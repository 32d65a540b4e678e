import { Failure } from '../../errors.ts';
import type { SshTarget } from './ssh-target.ts';

/** Names what went wrong before a connection was usable. ssh2 tells the phases apart by `level`, the kinds only by text. */
export function connectFailure(target: SshTarget, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const where = `${target.user}@${target.host}:${target.port} (${target.id})`;
  const { level, message } = cause as Error & { level?: string };
  if (level === 'client-authentication') {
    return new Failure(
      'SshAuthRejected',
      `Cannot log in to ${where}: the host accepted none of our keys. Put the public key into authorized_keys of ${target.user} there, or correct the private key reference of ${target.id}.`,
      { cause },
    );
  }
  if (/no matching/i.test(message)) {
    return new Failure(
      'SshUnreachable',
      `Cannot agree on algorithms with ${where}: ${message}. A host from before 2015 needs limits.legacyAlgorithms.`,
      { cause },
    );
  }
  return new Failure('SshUnreachable', `Cannot connect to ${where}: ${message}. Check that sshd answers there.`, {
    cause,
  });
}

export function hostKeyMismatch(target: SshTarget, offered: string): Failure {
  return new Failure(
    'HostKeyMismatch',
    `${target.host}:${target.port} (${target.id}) showed the host key ${offered}, expected ${target.hostKeyFingerprints.join(' or ')}. Nothing was sent. If the host was rebuilt, compare with ssh-keygen -l on its console and pin the new key.`,
  );
}
