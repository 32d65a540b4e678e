import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { HostTools } from './host-tools.ts';
import { databaseFailure, errorNumbers, failureOfError } from './legacy-database-failure.ts';
import { mysqlCommand, READ_PASSWORD } from './mysql-command.ts';
import { passwordLine } from './mysql-option.ts';
import type { Statement } from './plan-statements.ts';

export interface StatementResults {
  /** Rows of all statements, their columns unescaped. */
  rows: string[][];
  /** Statements that failed by themselves, with the MySQL error number. */
  failed: { about: Statement['about']; error: number }[];
}

export interface MysqlAccess {
  shell: RemoteShell;
  server: LegacyServer;
  tools: HostTools;
  password: string | null;
  signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 600_000;

/**
 * Runs statements in one client, going on after one that fails. Errors: LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied,
 * LegacyQueryFailed when the client did not come to the end.
 */
export async function runStatements(access: MysqlAccess, statements: Statement[]): Promise<StatementResults> {
  const { shell, server, tools, password, signal } = access;
  const flags = ['--batch', '--skip-column-names', '--force', '--quick', '--skip-reconnect', server.database];
  const script = `${READ_PASSWORD}\n${mysqlCommand(tools.client, server, flags, 5)}\n`;
  const payload = [passwordLine(password, server.id), ...statements.map(({ sql }) => sql), ''].join('\n');
  const { stdout, stderr, code } = await shell.run(script, { timeoutMs: TIMEOUT_MS, payload, signal });
  const rows = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t').map(unescape));
  if (rows.at(-1)?.[0] !== '#end') throw unfinished(server, code, stderr);
  return { rows: rows.slice(0, -1), failed: failuresByLine(stderr, statements) };
}

function failuresByLine(stderr: string, statements: Statement[]): StatementResults['failed'] {
  const failed = [];
  for (const match of stderr.matchAll(/^ERROR (\d+) \([^)]*\) at line (\d+)/gm)) {
    const about = statements[Number(match[2]) - 1]?.about;
    if (about !== undefined) failed.push({ about, error: Number(match[1]) });
  }
  return failed;
}

function unfinished(server: LegacyServer, code: number, stderr: string): Failure {
  const doing = `Asking MySQL at ${server.mysqlHost}:${server.mysqlPort} on ${server.id}`;
  if (code === 124)
    return new Failure('LegacyDatabaseUnavailable', `${doing}: no answer within ${TIMEOUT_MS / 1000} s.`);
  const numbers = errorNumbers(stderr);
  // After a lost connection every further statement fails with the same words: the first number that names a cause counts.
  const cause = numbers.find((number) => failureOfError(number) !== 'LegacyQueryFailed') ?? numbers[0];
  if (cause !== undefined) return databaseFailure(doing, cause);
  return new Failure('LegacyQueryFailed', `${doing}: the client ended with code ${code} before the last statement.`);
}

/** The client's --batch output: \t, \n, \0 and \\ inside a value. */
function unescape(value: string): string {
  return value.includes('\\')
    ? value.replace(/\\([tn0\\])/g, (_, kind: string) => ({ t: '\t', n: '\n', '0': '\0', '\\': '\\' })[kind] ?? kind)
    : value;
}
