import { databaseFailure } from './legacy-database-failure.ts';
import { END, type Statement, TIME_LIMITS } from './plan-statements.ts';
import { type MysqlAccess, runStatements } from './run-statements.ts';

/** Runs statements, each for two minutes at most; the rows of all of them. Errors: those of runStatements, and that of the first statement that failed. */
export async function askDatabase(access: MysqlAccess, statements: Statement[]): Promise<string[][]> {
  const { rows, failed } = await runStatements(access, [...TIME_LIMITS, ...statements, END]);
  const [first] = failed;
  if (first === undefined) return rows;
  const { id, database } = access.server;
  throw databaseFailure(`Asking ${id}.${database}${first.about.table ? `.${first.about.table}` : ''}`, first.error);
}
