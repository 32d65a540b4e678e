import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';

/** Reads the password line that every script of ours finds first on its stdin; unset takes off an inherited export mark. */
export const READ_PASSWORD = 'unset password; IFS= read -r password';

/**
 * `"$tool" …` as a shell command that logs in with the password in `$password`. With a password of ours no option file of the host
 * is read, because the login's own ~/.my.cnf would win over it; without one those files decide.
 * `optionsFd` is where the tool finds its option file: 0, unless its stdin is taken by statements.
 */
export function mysqlCommand(tool: string, server: LegacyServer, args: string[], optionsFd: 0 | 5 = 0): string {
  const local = server.mysqlHost === 'localhost';
  const login = [
    `--host=${server.mysqlHost}`,
    ...(local ? [] : [`--port=${server.mysqlPort}`, '--protocol=tcp']),
    `--user=${server.mysqlUser}`,
    '--default-character-set=utf8mb4',
  ];
  const words = [...login, ...args].map(shellQuote).join(' ');
  if (server.mysqlPasswordRef === null) return `${shellQuote(tool)} ${words}`;
  const statements = optionsFd === 0 ? '' : ' 5<&0 <&6';
  const command = `printf '[client]\\n%s\\n' "$password" | ${shellQuote(tool)} --defaults-file=/dev/fd/${optionsFd} ${words}${statements}`;
  return optionsFd === 0 ? command : `{ ${command}; } 6<&0`;
}
