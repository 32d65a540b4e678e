import { Problem } from './problem.ts';

/** One row more than the page holds was asked for: whether it came says whether there is a next page. */
export function pageOf<T>(name: string, rows: T[], limit: number, cursorOf: (row: T) => string): object {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { success: true, [name]: items, next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** A cursor that is a whole number. Throws InvalidRequest. */
export function numberCursor(after: string | undefined): string | null {
  if (after === undefined) return null;
  if (/^[0-9]{1,18}$/.test(after)) return after;
  throw badCursor();
}

/** A cursor that is a time and an id. Throws InvalidRequest. */
export function timeCursor(after: string | undefined): { at: string | null; id: string | null } {
  if (after === undefined) return { at: null, id: null };
  const [, at, id] = /^([0-9]{4}-[0-9T:.Z-]{10,30})_([0-9a-f-]{36})$/.exec(after) ?? [];
  if (at === undefined || id === undefined || Number.isNaN(Date.parse(at))) throw badCursor();
  return { at, id };
}

const badCursor = (): Problem =>
  new Problem('InvalidRequest', 'The request is not what this endpoint takes: query.after: is no `next` of a page.', {
    errors: [{ field: 'query.after', rule: 'cursor', message: 'is no `next` of a page' }],
  });
