import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { HostTools } from './host-tools.ts';
import { OVERRIDES } from './option-files.ts';

/** Reads the password line that every script of ours finds first on its stdin; unset takes off an inherited export mark. */
export const READ_PASSWORD = 'unset password; IFS= read -r password';

/** What the server made of the utf8mb4 that the client asked for, before we said it again: the sets of client, connection and results. */
export const SERVERS_OWN_SETS = '@fleetgraph_sets';

/**
 * The first statement of each session of the client, whoever asks: where init_connect or skip-character-set-client-handshake overrides what the
 * client asked for, a vehicle's key in other letters than the server's would find no row. Servers before utf8mb4 skip the part that they do not know.
 */
const OUR_NAMES =
  `SET ${SERVERS_OWN_SETS} = CONCAT_WS(' ', @@character_set_client, @@character_set_connection, IFNULL(@@character_set_results, 'none'))` +
  '/*!50503 , NAMES utf8mb4 */';

interface MysqlCommand {
  program: 'client' | 'dump';
  tools: Pick<HostTools, 'client' | 'dump' | 'flavour'>;
  server: LegacyServer;
  args: string[];
  optionsFd?: 0 | 5;
}

/** MariaDB's client speaks TLS when told to; MySQL's by itself where the server can. */
function tlsFlags({ mysqlTls }: LegacyServer, flavour: HostTools['flavour']): string[] {
  if (mysqlTls === null) return [];
  const [mode, ca] = mysqlTls.startsWith('ca:') ? ['ca', mysqlTls.slice('ca:'.length)] : [mysqlTls];
  if (flavour === 'mysql') {
    const modes: Record<string, string> = { off: 'DISABLED', required: 'REQUIRED', ca: 'VERIFY_CA' };
    return [`--ssl-mode=${modes[mode]}`, ...(ca === undefined ? [] : [`--ssl-ca=${ca}`])];
  }
  if (mode === 'off') return ['--ssl=0'];
  return ca === undefined
    ? ['--ssl=1', '--ssl-verify-server-cert=0']
    : ['--ssl=1', `--ssl-ca=${ca}`, '--ssl-verify-server-cert=1'];
}

/**
 * `"$tool" …` as a shell command that logs in with the password in `$password`. With a password of ours no option file of the host
 * is read, because the login's own ~/.my.cnf would win over it; without one those files say how to log in, and no more where a flag can help it.
 * `optionsFd` is where the tool finds its option file: 0, unless its stdin is taken by statements.
 */
export function mysqlCommand({ program, tools, server, args, optionsFd = 0 }: MysqlCommand): string {
  const tool = tools[program];
  const local = server.mysqlHost === 'localhost';
  const login = [
    `--host=${server.mysqlHost}`,
    ...(local ? [] : [`--port=${server.mysqlPort}`, '--protocol=tcp']),
    `--user=${server.mysqlUser}`,
    '--default-character-set=utf8mb4',
    ...(program === 'client' ? [`--init-command=${OUR_NAMES}`] : []),
    ...tlsFlags(server, tools.flavour),
    ...(server.mysqlPasswordRef === null ? OVERRIDES[program].map((option) => `--loose-${option}`) : []),
  ];
  const words = [...login, ...args].map(shellQuote).join(' ');
  if (server.mysqlPasswordRef === null) return `${shellQuote(tool)} ${words}`;
  const statements = optionsFd === 0 ? '' : ' 5<&0 <&6';
  const command = `printf '[client]\\n%s\\n' "$password" | ${shellQuote(tool)} --defaults-file=/dev/fd/${optionsFd} ${words}${statements}`;
  return optionsFd === 0 ? command : `{ ${command}; } 6<&0`;
}
