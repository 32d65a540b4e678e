import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readPassword } from '../connections/secrets.ts';
import { Failure } from '../errors.ts';

const MIN_LENGTH = 32;
const COOKIE = /(?:^|;\s*)codec-token=([^;]+)/;

/**
 * Knows one token, by its reference (`file:/path` or `env:NAME`), which is read at each request: a token that was exchanged counts at once.
 * Accepted as `Authorization: Bearer`, or as the cookie `codec-token`, which is what a Web UI without a login of its own can send.
 *
 * @throws Failure `SecretUnavailable`, `InvalidConfiguration` for a token that could be guessed
 */
export async function bearerToken(reference: string): Promise<(request: IncomingMessage) => Promise<string | null>> {
  const read = async (): Promise<string> => {
    const token = await readPassword(reference);
    if (token.length >= MIN_LENGTH) return token;
    throw new Failure(
      'InvalidConfiguration',
      `Reading the codec server’s token ${reference}: it has fewer than ${MIN_LENGTH} characters. Make one with \`openssl rand -hex 32\`.`,
    );
  };
  await read();
  return async ({ headers }) => {
    const [, bearer] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    const [, cookie] = COOKIE.exec(headers.cookie ?? '') ?? [];
    const given = bearer ?? cookie;
    return given !== undefined && isSame(given, await read()) ? 'token' : null;
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const isSame = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
