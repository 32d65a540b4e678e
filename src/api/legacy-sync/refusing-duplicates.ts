import { sqlState } from '../../connections/database-errors.ts';
import { Problem } from '../core/problem.ts';

const UNIQUE_VIOLATION = '23505';

/** What a unique constraint refuses is there already: a conflict, and no trouble of ours. */
export async function refusingDuplicates<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
    throw new Problem('WrongState', `${what}: there is one of that id already, or one that means the same.`);
  }
}
