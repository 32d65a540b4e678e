import { Failure } from '../../errors.ts';

export function connectionLost(where: string, cause: unknown): Failure {
  return new Failure('SshConnectionLost', `Lost the connection to ${where}: ${(cause as Error).message}.`, { cause });
}

export function sessionRefused(where: string, cause: unknown): Failure {
  return new Failure(
    'SshSessionRefused',
    `${where} refused a session on a fresh connection: ${(cause as Error).message}. Check MaxSessions, ForceCommand and the login's shell there.`,
    { cause },
  );
}
