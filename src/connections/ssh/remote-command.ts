/** The first line of ours on stdout and on stderr. What stands before it was said by the login shell's own files. */
export const BEGIN = '#fleetgraph begin';

/**
 * The one command we execute on a legacy host, whatever the login shell. Script, limits and payload come over stdin, so that
 * neither `ps` nor a log of commands shows more than the script itself, and so that a forced command can pin it. The payload is
 * read whole before the watcher starts, because both read the same stdin, and passed on by a builtin, because it may be a secret
 * (unset takes the export mark off a name that the login's environment may hold).
 *
 * Dead man's switch: sshd leaves a silent process running when its client dies. Here a watcher reads the rest of stdin, which ends
 * when the session, the connection or our process does, and then ends the script's process group. The last line also ends what a
 * finished script left running (without `--`, which dash's kill takes for a number). `timeout` covers the half-open connection, where stdin never ends.
 */
const GUARDED_SHELL = `
unset s l n payload;
export LC_ALL=C;
echo "${BEGIN}"; echo "${BEGIN}" >&2;
n=$(printf "\\nx"); n=\${n%x};
IFS=" " read -r seconds bytes nice || exit 97;
while IFS= read -r l; do if [ "$l" = "#end" ]; then break; fi; s="$s$l$n"; done;
[ "$l" = "#end" ] || exit 97;
if [ "$bytes" -gt 0 ]; then payload=$(head -c "$bytes"; echo .); payload=\${payload%.};
  [ "\${#payload}" = "$bytes" ] || exit 97; fi;
exec 3<&0 </dev/null;
set -- sh -c "$s" fleetgraph;
if command -v timeout >/dev/null; then set -- timeout -k 2 "$seconds" "$@"; fi;
if [ "$nice" = - ]; then :; else
  if command -v ionice >/dev/null; then set -- ionice -c 3 "$@"; fi;
  if command -v nice >/dev/null; then set -- nice -n "$nice" "$@"; fi;
fi;
if command -v setsid >/dev/null; then set -- setsid "$@"; fi;
if [ "$bytes" = 0 ]; then "$@" 3<&- & else printf %s "$payload" | "$@" 3<&- & fi;
p=$! ;
( while read -r l; do :; done; kill -TERM "-$p" || kill -TERM "$p"; sleep 2; kill -KILL "-$p" ) <&3 >/dev/null 2>&1 &
w=$! ;
exec 3<&-;
wait "$p"; rc=$?;
kill "$w" 2>/dev/null;
kill -KILL "-$p" 2>/dev/null;
exit "$rc"
`;

// One line without an unescaped exclamation mark, because csh takes neither a line break nor that inside single quotes; and no
// doubled backslash, of which fish makes one.
export const REMOTE_COMMAND = `exec /bin/sh -c '${GUARDED_SHELL.trim().replaceAll('\n', ' ')}'`;

export interface RemoteLimits {
  /** The remote host ends the script after this long. */
  timeoutMs: number;
  /** 0 to 19, with idle I/O priority; null leaves the login's own. */
  niceness: number | null;
}

/** What goes over stdin before the switch: one line of limits, the script, then `payload` as the script's own stdin. */
export function remoteInput(script: string, payload: Buffer, { timeoutMs, niceness }: RemoteLimits): Buffer {
  if (/\0|^#end$/m.test(script)) throw new TypeError('A remote script holds neither NUL nor the line "#end".');
  const limits = `${Math.max(1, Math.ceil(timeoutMs / 1000))} ${payload.length} ${niceness ?? '-'}`;
  return Buffer.concat([Buffer.from(`${limits}\n${script}\n#end\n`), payload]);
}
