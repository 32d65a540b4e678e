import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import { endOthers } from './claim-dir.ts';
import type { Compressor } from './compression.ts';
import { boundsStatement, type ExportRequest, fromId, rangeParts } from './export-request.ts';
import type { HostTools } from './host-tools.ts';
import { HOST_LOAD } from './host-load.ts';
import { dumpFunction, dumpTo, limitMemory } from './dump-command.ts';
import { mysqlCommand, READ_PASSWORD } from './mysql-command.ts';
import { remoteBase, workTag } from './remote-path.ts';

/** A late commit changes the count between the two queries. A table whose count changes each time cannot be proved. */
const COUNT_ATTEMPTS = 3;
/** A compressed row of a GPS table, estimated high. */
const BYTES_PER_ROW = 60;

/**
 * Dumps one range to a verified file. It prints lines: `bytes N` while it works, then one of `manifest …` (the file is complete),
 * `nothing`, `fail <kind> …`.
 */
export function exportScript(request: ExportRequest, tools: HostTools): string {
  const { server, dir } = request;
  const asking = ['--batch', '--skip-column-names', '--quick', '--unbuffered', '--skip-reconnect', server.database];
  const mysql = mysqlCommand({ program: 'client', tools, server, args: asking, optionsFd: 5 });
  const own = `${dir.vehicleId}/${dir.runId}`;
  return `
# ${workTag(dir)}
${READ_PASSWORD}
${limitMemory(request)}
umask 077
fail() { echo "fail $*"; exit 10; }
free() { df -Pk . | { read -r n; read -r n n n n_free n; echo "$n_free"; }; }
ask() { ( printf '%s;\\n' "$1" >&8 ) 2>/dev/null; IFS= read -r answer <&9 || fail query; }
${dumpFunction(request, tools)}
${HOST_LOAD}
base=${remoteBase(server)}
unlinked() { for d in "$base" "$base"/${dir.vehicleId} "$base"/${own}; do [ ! -L "$d" ] || fail link; done; }
unlinked
[ -d "$base"/${own} ] || mkdir -p -- "$base"/${own} || fail directory "$(cd -- "$base" 2>/dev/null && free)"
unlinked
cd -P -- "$base"/${own} && [ -O . ] || fail directory
here=$PWD
${CLAIM(request)}
${REUSE(request)}
for f in *.part ask answer; do [ ! -e "$f" ] || rm -f -- "$f"; done
mkfifo ask answer || fail claim "$(free)"
# One client for all questions: its start costs more than they do.
{ ${mysql}; } <ask >answer &
exec 8>ask 9<answer
${DUMP_LOOP(request, own)}
`;
}

/** Takes the directory. It ends an earlier attempt that still runs there first, so that two attempts never write the same file. */
const CLAIM = ({ dir }: ExportRequest): string => `
group=$$
[ ! -r "/proc/$$/stat" ] || read -r n n n n group n <"/proc/$$/stat"
${endOthers(dir)}
tries=0
until (set -C; echo "$group" >pid) 2>/dev/null; do
  tries=$((tries+1)); [ "$tries" -le 3 ] || fail claim "$(free)"
  end_others || fail claim
  rm -f pid
done`;

/** Uses a complete file with its manifest that an earlier attempt at this range left, after verifying it again. */
const REUSE = (request: ExportRequest): string => `
if [ -f ${request.cursor}.manifest ] && [ ! -L ${request.cursor}.manifest ]; then
  read -r n m_frozen m_from m_to m_rows m_bytes m_sum m_kind m_file <${request.cursor}.manifest
  if [ "$m_frozen $m_from" = '${request.frozenToId} ${fromId(request)}' ] && [ -f "$m_file" ] && [ ! -L "$m_file" ]; then
    sum=$(sha256sum <"$m_file")
    if [ "\${sum%% *}" = "$m_sum" ]; then echo "manifest $m_to $m_rows $m_bytes $m_sum $m_kind $here/$m_file"; exit; fi
  fi
  rm -f -- ${request.cursor}.manifest
fi`;

/** A smaller dump is over before it could report progress. */
const METER_FROM_ROWS = 10_000;

/** Chosen on the host, where the rows are known: `kind`, `extension`, and `compress` as a function. */
const COMPRESS = ({ compressors: { small, large, smallUpTo } }: ExportRequest): string => {
  const choose = ({ compression, extension, command }: Compressor): string =>
    `kind=${compression} extension=${extension}; compress() { ${command}; }`;
  if (small === large) return choose(large);
  return `if [ "$rows" -le ${smallUpTo} ]; then ${choose(small)}; else ${choose(large)}; fi`;
};

const DUMP_LOOP = (request: ExportRequest, own: string): string => {
  const { cursor, minFreeBytes, final } = request;
  const { table, before, after } = rangeParts(request);
  return `
tries=0
while :; do
  tries=$((tries+1)); [ "$tries" -le ${COUNT_ATTEMPTS} ] || fail counts
  ask ${shellQuote(boundsStatement(request))}
  set -- $answer
  [ $# = 3 ] || fail query
  to=$1 rows=$2
  if [ "$3" = 0 ]; then
    cd -- "$base" && rm -rf -- ${own} && { rmdir -- ${request.dir.vehicleId} 2>/dev/null || :; }
    echo nothing; exit 0
  fi
  have=$(free)
  [ "$have" -ge $(( (${minFreeBytes} + rows * ${BYTES_PER_ROW}) / 1024 )) ] || fail space "$have"
  ${COMPRESS(request)}
  file=${cursor}-$to$extension
  meter=
  if [ "$rows" -gt ${METER_FROM_ROWS} ]; then
    ( while sleep 1 >/dev/null 2>&1; do echo "bytes $(wc -c <"$file.part")"; done ) 2>/dev/null &
    meter=$!
  fi
  where=${shellQuote(before)}$to${shellQuote(after)}
  ${dumpTo('>"$file.part"')}
  [ -z "$meter" ] || kill "$meter" 2>/dev/null
  if [ "$d$t$c" != 000 ]; then
    have=$(free); rm -f -- "$file.part"
    fail dump "\${d:-x}" "\${c:-x}" "$have"
  fi
  ${final === true ? 'break' : `ask ${shellQuote(`SELECT COUNT(*) FROM ${table} WHERE ${before}`)}"$to"`}
  [ "$answer" = "$rows" ] && break
  rm -f -- "$file.part"
done
# Asked last: a server that refuses it ends the client, which nobody needs any more.
answer=
( printf "SHOW GLOBAL STATUS LIKE 'Threads_running';\\n" >&8 ) 2>/dev/null && IFS= read -r answer <&9 || :
host_load "\${answer##*[!0-9]}"
exec 8>&- 9<&-
sum=$(sha256sum <"$file.part"); sum=\${sum%% *}
bytes=$(wc -c <"$file.part"); bytes=$((bytes))
[ "$bytes" -gt 0 ] && [ \${#sum} = 64 ] || fail verify
rm -f ask answer
mv -f -- "$file.part" "$file" || fail verify
echo "fleetgraph1 ${request.frozenToId} ${fromId(request)} $to $rows $bytes $sum $kind $file" >${cursor}.manifest.part || fail space "$(free)"
mv -f -- ${cursor}.manifest.part ${cursor}.manifest || fail verify
echo "manifest $to $rows $bytes $sum $kind $here/$file"`;
};
