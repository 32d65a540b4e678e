import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { HostTools } from './host-tools.ts';
import { databaseFailure, errorNumbers, failureOfError } from './legacy-database-failure.ts';
import { mysqlCommand, READ_PASSWORD, SERVERS_OWN_SETS } from './mysql-command.ts';
import { passwordLine } from './mysql-option.ts';
import type { Statement } from './plan-statements.ts';

export interface StatementResults {
  /** Rows of all statements, their columns unescaped. */
  rows: string[][];
  /** Statements that failed by themselves, with the MySQL error number. */
  failed: { about: Statement['about']; error: number }[];
  session: MysqlSession;
}

export interface MysqlSession {
  /** `10.11.19-MariaDB`, `8.0.36`. */
  version: string;
  /** utf8mb4, or what the server made of it for anything that is asked or answered: init_connect or skip-character-set-client-handshake overrides it. */
  characterSet: string;
}

export const OUR_SET = 'utf8mb4';

/** The first line of a session. What option files print comes before it. */
const GREETING: Statement = {
  sql: `SHOW SESSION STATUS LIKE 'Ssl_cipher'; SELECT '#session', @@version, ${SERVERS_OWN_SETS};`,
  about: {},
};

export interface MysqlAccess {
  shell: RemoteShell;
  server: LegacyServer;
  tools: HostTools;
  password: string | null;
  signal?: AbortSignal | undefined;
  /** As the shell has it: absent leaves the login's own. */
  niceness?: number | undefined;
}

const TIMEOUT_MS = 600_000;

/**
 * Runs statements in one client, going on after one that fails. Errors: LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied,
 * LegacyQueryFailed when the client did not come to the end, InvalidConfiguration when the server is too old.
 */
export async function runStatements(access: MysqlAccess, asked: Statement[]): Promise<StatementResults> {
  const statements = [GREETING, ...asked];
  const { shell, server, tools, password, signal, niceness = null } = access;
  const flags = ['--batch', '--skip-column-names', '--force', '--quick', '--skip-reconnect', server.database];
  const script = `${READ_PASSWORD}\n${mysqlCommand({ program: 'client', tools, server, args: flags, optionsFd: 5 })}\n`;
  const payload = [passwordLine(password, server.id), ...statements.map(({ sql }) => sql), ''].join('\n');
  const { stdout, stderr, code } = await shell.run(script, { timeoutMs: TIMEOUT_MS, payload, signal, niceness });
  const rows = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t').map(unescape));
  const greeting = rows.findIndex(([tag]) => tag === '#session');
  const [, version = '', sets = ''] = rows[greeting] ?? [];
  const characterSet = sets.split(' ').find((set) => set !== OUR_SET) ?? OUR_SET;
  if (greeting >= 0) {
    refuseOldServer(server, version);
    refuseClearText(server, rows.slice(0, greeting));
  }
  if (greeting < 0 || rows.at(-1)?.[0] !== '#end') throw unfinished(server, code, stderr);
  const failed = failuresByLine(stderr, statements);
  return { rows: rows.slice(greeting + 1, -1), failed, session: { version, characterSet } };
}

/** MariaDB's client takes a connection in the clear where TLS was asked for without a CA to verify the server by. */
function refuseClearText(server: LegacyServer, before: string[][]): void {
  const cipher = before.find(([name]) => name === 'Ssl_cipher')?.[1] ?? '';
  if (server.mysqlTls === null || server.mysqlTls === 'off' || cipher !== '') return;
  throw databaseFailure(askingOf(server), NO_TLS);
}

/** CR_SSL_CONNECTION_ERROR. */
const NO_TLS = 2026;

const askingOf = (server: LegacyServer): string =>
  `Asking MySQL at ${server.mysqlHost}:${server.mysqlPort} on ${server.id}`;

/** utf8mb4 came with 5.5.3, before which a text cannot be read whole. */
function refuseOldServer(server: LegacyServer, version: string): void {
  const [major = 0, minor = 0, patch = 0] = (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  if (major * 1_000_000 + minor * 1_000 + patch >= 5_005_003) return;
  throw new Failure(
    'InvalidConfiguration',
    `${askingOf(server)}: it is version ${version}, and those from MySQL 5.5.3 and MariaDB 5.5 on can be read. Upgrade it.`,
  );
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
  const doing = askingOf(server);
  if (code === 124)
    return new Failure('LegacyDatabaseUnavailable', `${doing}: no answer within ${TIMEOUT_MS / 1000} s.`);
  const numbers = errorNumbers(stderr);
  // After a lost connection all further statements fail alike, so the first number that names a cause counts.
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
