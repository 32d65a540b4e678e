import { Failure } from '../../errors.ts';
import type { OdataDialect } from './odata-dialect.ts';
import { countIn, parsePage, textOf } from './odata-page.ts';
import type { OdataGet } from './odata-request.ts';
import { setUrl } from './odata-url.ts';

interface CountRequest {
  get: OdataGet;
  accept: string;
  root: string;
  set: string;
  filter: string | undefined;
  dialect: OdataDialect;
}

/**
 * Counts the rows of a set by `/$count`, or, on a server without it, by an empty page that carries the count; null when the server has
 * neither. 1C always has `/$count` and is asked for no such page: with `$inlinecount` it ignores `$top`.
 */
export async function countRows({ get, accept, root, set, filter, dialect }: CountRequest): Promise<number | null> {
  const filtered = filter === undefined ? {} : { filter };
  const counted = await orRejected(() => get(setUrl(root, set, filtered, '/$count'), 'text/plain, */*;q=0.1'));
  const plain = counted && countIn(textOf(counted));
  if (plain !== null) return plain;
  const inlineForms = dialect === '1c' ? [] : dialect === 'v4' ? (['v4'] as const) : (['v3'] as const);
  for (const count of inlineForms) {
    const answer = await orRejected(() => get(setUrl(root, set, { ...filtered, top: 0, count }), accept));
    const inline = answer && parsePage(answer).count;
    if (inline !== null) return inline;
  }
  return null;
}

async function orRejected<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && error.code === 'OdataRejected') return null;
    throw error;
  }
}
