import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import type { ExportRequest } from './export-request.ts';
import type { HostTools } from './host-tools.ts';
import { selectDump } from './select-rows.ts';
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
/** Raw: what is escaped in the values is escaped already, as mysqldump does it. */
export const SELECT_FLAGS = [
  '--batch',
  '--raw',
  '--skip-column-names',
  '--quick',
  '--skip-reconnect',
  '--max-allowed-packet=1G',
];
const MYSQL_DUMP_FLAGS = ['--loose-column-statistics=0', '--loose-set-gtid-purged=OFF'];

/** `dump <condition>` as a shell function that writes the vehicle's rows as INSERTs. */
export function dumpFunction(
  { server, vehicle, reader }: Pick<ExportRequest, 'server' | 'vehicle' | 'reader'>,
  tools: HostTools,
): string {
  if (reader.kind === 'select') {
    const command = mysqlCommand({ program: 'client', tools, server, args: SELECT_FLAGS });
    const { before, after } = selectDump(vehicle.table, reader.columns, server.columns.id);
    return `dump() { ${command} --execute=${shellQuote(before)}"$1"${shellQuote(after)} -- ${shellQuote(server.database)}; }`;
  }
  const flags = [...DUMP_FLAGS, ...(tools.flavour === 'mysql' ? MYSQL_DUMP_FLAGS : [])];
  return `dump() { ${mysqlCommand({ program: 'dump', tools, server, args: flags })} --where="$1" -- ${shellQuote(server.database)} ${shellQuote(vehicle.table)}; }`;
}

/**
 * Bounds the memory of every program that the script starts from here on, which a row has several times: a dump that needs more fails instead of
 * pushing the host's own work out. RLIMIT_DATA counts what is written to, unlike RLIMIT_AS, which counts what threads only reserve. A login
 * whose own limit is lower keeps that.
 */
export const limitMemory = ({ memoryBytes }: Pick<ExportRequest, 'memoryBytes'>): string =>
  `ulimit -d ${Math.ceil(memoryBytes / 1024)} 2>/dev/null || :`;

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
