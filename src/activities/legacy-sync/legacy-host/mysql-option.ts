import { Failure } from '../../../errors.ts';

/**
 * The line of an option file that carries a password; empty without one. It goes over stdin to the script, and from there by a
 * builtin through a pipe to the client: never an argument, never the environment, never a file.
 */
export function passwordLine(password: string | null, serverId: string): string {
  if (password === null) return '';
  if (/[\0\r\n]/.test(password)) {
    throw new Failure(
      'SecretUnavailable',
      `The MySQL password of ${serverId} holds a line break or NUL, which no option file can carry. Check for a trailing newline in the secret.`,
    );
  }
  return `password="${password.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
