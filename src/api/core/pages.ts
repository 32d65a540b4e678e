import { z } from 'zod';
import { Problem } from './problem.ts';

/** Zod knows the days of each month. PostgreSQL has no year 0. */
const time = z.iso.datetime().regex(/^(?!0000)/);
const id = z.guid();

/** Makes a page of `rows`, for which the caller asked one row more than `limit`. An extra row says that there is a next page. */
export function pageOf<T>(name: string, rows: T[], limit: number, cursorOf: (row: T) => string): object {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { success: true, [name]: items, next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** Checks a cursor that is a whole number. Throws InvalidRequest. */
export function numberCursor(after: string | undefined): string | null {
  if (after === undefined) return null;
  if (/^[0-9]{1,18}$/.test(after)) return after;
  throw badCursor();
}

/** Splits a cursor that is a time and an id. Throws InvalidRequest. */
export function timeCursor(after: string | undefined): { at: string | null; id: string | null } {
  if (after === undefined) return { at: null, id: null };
  const [at, runId, ...more] = after.split('_');
  if (more.length > 0 || !time.safeParse(at).success || !id.safeParse(runId).success) throw badCursor();
  return { at: at!, id: runId! };
}

/** Splits a cursor that is a worker slot and the number of its claim. Throws InvalidRequest. */
export function placeCursor(after: string | undefined): { slot: number; sequence: number } | null {
  if (after === undefined) return null;
  const [, slot, sequence] = /^([0-9]{1,9})_([0-9]{1,15})$/.exec(after) ?? [];
  if (slot === undefined) throw badCursor();
  return { slot: Number(slot), sequence: Number(sequence) };
}

const badCursor = (): Problem =>
  new Problem('InvalidRequest', 'The request is not what this endpoint takes: query.after: is no `next` of a page.', {
    errors: [{ field: 'query.after', rule: 'cursor', message: 'is no `next` of a page' }],
  });
