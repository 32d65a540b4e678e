// isNativeError, because an error of Node's own is no `instanceof Error` inside a realm of another, such as a test's.
import { isNativeError } from 'node:util/types';
import { Failure } from '../errors.ts';

/** SQLSTATEs of a PostgreSQL that starts, stops, recovers from a crash or has no connection left. */
const UNAVAILABLE_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '53300', '25P03']);
const UNAVAILABLE_SOCKETS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** pg reports a lost connection as a plain Error, which only its text identifies. */
const UNAVAILABLE_TEXTS =
  /^(Connection terminated|Client has encountered a connection error|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client was closed)/;

/** Whether PostgreSQL was not reachable: the same statement may succeed later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return causes(error).some((cause) => {
    if (cause instanceof Failure) return cause.code === 'DatabaseUnavailable';
    const code = sqlState(cause);
    if (code !== undefined && (code.startsWith('08') || UNAVAILABLE_STATES.has(code))) return true;
    if (code !== undefined && UNAVAILABLE_SOCKETS.has(code)) return true;
    return isNativeError(cause) && UNAVAILABLE_TEXTS.test(cause.message);
  });
}

/** The error's SQLSTATE or socket error code, if it has one. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Runs `work` and names what was being done when PostgreSQL was away. Errors: DatabaseUnavailable, DatabaseDiskFull, or what `work` throws. */
export async function namingDatabaseFailures<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const text = error instanceof Error ? error.message : String(error);
    if (sqlState(error) === '53100') {
      throw new Failure(
        'DatabaseDiskFull',
        `${doing}: PostgreSQL has no disk space left. Free some; it is tried again.`,
        {
          cause: error,
        },
      );
    }
    // 55P03: another transaction kept the row locked for longer than lock_timeout. Like an outage, that says nothing about the work.
    if (isDatabaseUnavailable(error) || sqlState(error) === '55P03') {
      throw new Failure('DatabaseUnavailable', `${doing}: PostgreSQL did not answer (${text}). It is tried again.`, {
        cause: error,
      });
    }
    throw error;
  }
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let cause = error; cause != null && found.length < 8; cause = isNativeError(cause) ? cause.cause : null) {
    found.push(cause);
    // A host name with an IPv4 and an IPv6 address fails as one AggregateError.
    if (cause instanceof AggregateError) found.push(...cause.errors);
  }
  return found;
}
