import { readFile } from 'node:fs/promises';
import { Failure } from '../errors.ts';

/**
 * What a reference (`file:/path` or `env:NAME`) stands for, read anew at each use so that a rotated secret needs no restart.
 *
 * @throws Failure `SecretUnavailable`, naming the reference and never the secret
 */
export async function readSecret(reference: string): Promise<Buffer> {
  const [kind, ...rest] = reference.split(':');
  const place = rest.join(':');
  if (kind === 'env') {
    const value = process.env[place];
    if (value !== undefined) return Buffer.from(value);
    throw new Failure(
      'SecretUnavailable',
      `Reading the secret ${reference}: the worker’s environment has no such variable. Set it and restart the worker.`,
    );
  }
  try {
    return await readFile(place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      'SecretUnavailable',
      `Reading the secret ${reference}: ${code}. The worker must be able to read that file.`,
      { cause: error },
    );
  }
}

/** A password file usually ends in a line break that is not part of the password. */
export async function readPassword(reference: string | null): Promise<string> {
  if (reference === null) return '';
  return (await readSecret(reference)).toString('utf8').replace(/\r?\n$/, '');
}
