import { type RemoteDir, workTag } from './remote-path.ts';

/**
 * Shell functions for the directory of one vehicle in one run. `end_others` ends the process group that worked here before:
 * the file `pid` names it, and its command line must carry our tag, because the number may be another process by now.
 */
export function endOthers(dir: RemoteDir): string {
  return `
end_others() {
  old=
  if [ -f pid ] && [ ! -L pid ]; then read -r old <pid; fi
  case $old in ''|*[!0-9]*|"\${group:-0}") return 0;; esac
  grep -aqF '${workTag(dir)}' "/proc/$old/cmdline" 2>/dev/null || return 0
  kill -KILL "-$old" 2>/dev/null
  n=0
  while kill -0 "-$old" 2>/dev/null; do
    n=$((n+1)); [ "$n" -lt 100 ] || return 1
    sleep 0.05
  done
}`;
}
