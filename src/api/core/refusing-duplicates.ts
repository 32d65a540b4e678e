import { sqlState } from '../../connections/database-errors.ts';
import { Problem } from './problem.ts';

const UNIQUE_VIOLATION = '23505';

/** Turns a refusal by a unique constraint into a conflict: the caller's row exists already, and nothing is wrong here. */
export async function refusingDuplicates<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
    throw new Problem('WrongState', `${what}: there is one of that id already, or one that means the same.`);
  }
}
