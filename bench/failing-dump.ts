import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { findOnPath } from '../src/stack/run-command.ts';

/**
 * Makes one in so many dumps of a table lose its server half-way, as the client reports it. `folder` comes first on the legacy host's PATH. Answers how
 * many were lost so far.
 */
export function installFailingDump(folder: string, { table, oneIn }: { table: string; oneIn: number }): () => number {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const log = `${folder}/lost`;
  writeFileSync(log, '');
  // The login there writes it.
  chmodSync(log, 0o666);
  for (const name of ['mariadb-dump', 'mysqldump']) {
    const real = findOnPath(name);
    if (real === null) continue;
    const script = `${folder}/${name}`;
    writeFileSync(
      script,
      `#!/bin/sh
case "$*" in *${table}*)
  if [ $(( $(od -An -N4 -tu4 /dev/urandom) % ${oneIn} )) = 0 ]; then
    echo lost >>${log}
    ${real} "$@" | head -c 2000
    echo "${name}: Error 2013: Lost connection to server during query when dumping table" >&2
    exit 3
  fi ;;
esac
exec ${real} "$@"
`,
    );
    chmodSync(script, 0o755);
  }
  return () => readFileSync(log, 'utf8').split('\n').length - 1;
}
