import type { ExportRequest } from './export-request.ts';
import type { HostTools } from './host-tools.ts';
import { mysqlCommand } from './mysql-command.ts';

export const DUMP_FLAGS = [
  '--single-transaction',
  '--quick',
  '--skip-lock-tables',
  '--no-create-info',
  '--skip-triggers',
  '--skip-add-locks',
  '--skip-disable-keys',
  '--hex-blob',
  '--tz-utc',
  '--no-tablespaces',
  '--net-buffer-length=1M',
  '--max-allowed-packet=1G',
  // Names the columns, so that a table altered meanwhile is noticed: mysqldump itself does not mind.
  '--complete-insert',
  '--skip-dump-date',
];
const MYSQL_DUMP_FLAGS = ['--loose-column-statistics=0', '--loose-set-gtid-purged=OFF'];

/** `dump <condition>` as a shell function that writes the vehicle's rows as INSERTs. */
export function dumpFunction({ server, vehicle }: Pick<ExportRequest, 'server' | 'vehicle'>, tools: HostTools): string {
  const flags = [...DUMP_FLAGS, ...(tools.flavour === 'mysql' ? MYSQL_DUMP_FLAGS : [])];
  return `dump() { ${mysqlCommand(tools.dump, server, flags)} --where="$1" -- ${server.database} ${vehicle.table}; }`;
}

/**
 * `dump "$where"` through `compress` into what `sink` says, the last line telling the dump's exit code; afterwards `$d$t$c` is 000 when all
 * went well. Every member of the pipe reports its own status over descriptor 4: dash has no pipefail, and a dump that was cut is valid SQL.
 */
export const dumpTo = (sink: string): string => `d= t= c=
codes=$( { {
    dump "$where" 4>&-; d=$?; echo "d=$d" >&4
    printf -- '-- fleetgraph rc=%s\\n' "$d"; echo "t=$?" >&4
  } | { compress 4>&-; echo "c=$?" >&4; } ${sink}
} 4>&1 )
eval "$codes"`;
