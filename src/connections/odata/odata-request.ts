import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../errors.ts';
import { describeErrorBody, readErrorBody } from './odata-error-body.ts';
import type { OdataOptions } from './odata-options.ts';
import { shown } from './odata-url.ts';

export interface OdataAnswer {
  url: URL;
  headers: Headers;
  body: Buffer;
}

export type OdataGet = (url: URL, accept: string) => Promise<OdataAnswer>;

/** A failure that a retry may mend: network errors, time-outs, 408, 429 and 5xx. */
class Transient extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, cause?: unknown) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * GET with Basic authentication, time-out, size limits and attempts. All requests of one `OdataGet` share `maxTotalBytes`.
 * Errors: OdataUnavailable, OdataAccessDenied, OdataRejected, OdataTooLarge; the signal's own reason when it is aborted.
 */
export function createOdataGet(options: OdataOptions, signal: AbortSignal): OdataGet {
  const budget = { left: options.maxTotalBytes };
  const authorization = basicAuthorization(options.login);
  return async (url, accept) => {
    const headers = { accept, ...authorization };
    for (let attempt = 1; ; attempt++) {
      try {
        return await getOnce(url, headers, options, budget, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Transient)) throw error;
        const waitMs = Math.max(error.retryAfterMs, backoffMs(attempt, options));
        if (attempt >= options.requestAttempts || error.retryAfterMs > options.retryMaxMs) {
          throw unavailable(url, error, attempt);
        }
        await sleep(waitMs, undefined, { signal });
      }
    }
  };
}

async function getOnce(
  url: URL,
  headers: Record<string, string>,
  { requestTimeoutMs, maxPageBytes }: OdataOptions,
  budget: { left: number },
  signal: AbortSignal,
): Promise<OdataAnswer> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
  let response: Response;
  let body: Buffer;
  try {
    // No redirect is followed: it would send the login to another address.
    response = await fetch(url, { headers, redirect: 'manual', signal: deadline });
    body = await readBody(response, url, Math.min(maxPageBytes, budget.left));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Transient(networkError(error, requestTimeoutMs), 0, error);
  }
  if (!response.ok) throw refusal(url, response, body);
  budget.left -= body.length;
  return { url, headers: response.headers, body };
}

/** Counts the bytes while they arrive, so that an endless answer does not fill the memory. */
async function readBody(response: Response, url: URL, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > limit) {
      throw new Failure(
        'OdataTooLarge',
        `Reading ${shown(url)}: the answer goes on after the ${limit} bytes that are still allowed. ` +
          'Raise odata.max_page_bytes or odata.max_total_bytes if the source is really that large.',
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusal(url: URL, response: Response, body: Buffer): Error {
  const { status, headers } = response;
  const error = readErrorBody(body);
  const said = `${status}${describeErrorBody(error)}`;
  const doing = `Reading ${shown(url)}: the source answered ${said}`;
  if (status === 401 || status === 403) {
    return new Failure('OdataAccessDenied', `${doing}. Check odata.user and odata.password_ref.`);
  }
  // 1C answers 500 with code -1 when its program refused the request, and refuses it again. 501 does not change with a retry either.
  const final = error.code === '-1' || status === 501;
  if (!final && (status === 408 || status === 429 || status >= 500)) {
    return new Transient(`it answered ${said}`, retryAfterMs(headers.get('retry-after')));
  }
  const hint = status >= 300 && status < 400 ? ' It redirects: set odata.url to where it leads.' : '';
  return new Failure('OdataRejected', `${doing}.${hint} Correct odata.url or odata.mapping.`);
}

function unavailable(url: URL, error: Transient, attempts: number): Failure {
  const asked = error.retryAfterMs > 0 ? `, and asks for a wait of ${Math.ceil(error.retryAfterMs / 1000)} s` : '';
  return new Failure(
    'OdataUnavailable',
    `Reading ${shown(url)}: no answer after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}; ${error.message}${asked}. Check the source; the next run tries again.`,
    { cause: error },
  );
}

/** fetch says only "fetch failed"; its cause says what failed. For a name with several addresses the cause has a code and no message. */
function networkError(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') return `it took longer than ${timeoutMs} ms`;
  const found: Partial<NodeJS.ErrnoException> = cause ?? {};
  return `the connection failed (${[found.code, found.message ?? message].filter(Boolean).join(': ')})`;
}

function backoffMs(attempt: number, { retryInitialMs, retryMaxMs }: OdataOptions): number {
  const spread = 0.75 + Math.random() / 2;
  return Math.min(retryMaxMs, retryInitialMs * 2 ** (attempt - 1) * spread);
}

/** Retry-After is a number of seconds or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const ms = /^[0-9]+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

function basicAuthorization(login: OdataOptions['login']): Record<string, string> {
  if (login === null) return {};
  const text = Buffer.from(`${login.user}:${login.password}`, 'utf8');
  return { authorization: `Basic ${text.toString('base64')}` };
}
