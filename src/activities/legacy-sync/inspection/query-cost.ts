import { Failure } from '../../../errors.ts';
import type { Statement } from '../legacy-host/plan-statements.ts';
import { SMALL_TABLE_ROWS, worstAccess } from '../legacy-host/table-description.ts';

/** Asks a legacy server; the rows of all statements, their columns unescaped. */
export type Ask = (statements: Statement[]) => Promise<string[][]>;

/** Asks EXPLAIN what a query costs: a view has no index of its own that would tell. null: our user may not ask. */
export async function explainQuery(ask: Ask, query: string): Promise<ReturnType<typeof worstAccess>> {
  try {
    return worstAccess(await ask([{ sql: `EXPLAIN ${query};`, about: {} }]));
  } catch (error) {
    if (error instanceof Failure && error.code === 'LegacyQueryFailed') return null;
    throw error;
  }
}

/** Whether a query is known to read no more than a small table has: it goes along an index, or is over soon. */
export async function isKnownCheap(ask: Ask, query: string): Promise<boolean> {
  const access = await explainQuery(ask, query);
  return access !== null && (!['ALL', 'index'].includes(access.type) || access.rows <= SMALL_TABLE_ROWS);
}
