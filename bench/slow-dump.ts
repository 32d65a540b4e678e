import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { findOnPath } from '../src/stack/run-command.ts';

/** A line of sshd's configuration by which a login finds these tools first. */
export const slowToolsPath = (folder: string): string => `SetEnv PATH=${folder}:/usr/local/bin:/usr/bin:/bin`;

/** Makes a dump of each of these tables wait before it begins. A dump names its table in the arguments; `--version` names none and answers at once. */
export function installSlowDump(folder: string, tables: { table: string; seconds: number }[]): void {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  for (const name of ['mariadb-dump', 'mysqldump']) {
    const real = findOnPath(name);
    if (real === null) continue;
    const pauses = tables.map(({ table, seconds }) => `*${table}*) sleep ${seconds} ;;`).join('\n  ');
    const script = `${folder}/${name}`;
    writeFileSync(script, `#!/bin/sh\ncase "$*" in\n  ${pauses}\nesac\nexec ${real} "$@"\n`);
    chmodSync(script, 0o755);
  }
}
