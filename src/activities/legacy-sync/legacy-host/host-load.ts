import type { HostLoad } from '../../../pool/adaptive-limit.ts';

/** `host_load` as a shell function: one line of what the host says of itself, with what a database said before as `$1`. It starts no process. */
export const HOST_LOAD = `host_load() {
  load_avg=-
  [ ! -r /proc/loadavg ] || read -r load_avg load_rest </proc/loadavg || :
  echo "load \${load_avg:--} \${1:--}"
}`;

const LINE = /^load (\S+) (\S+)$/m;

/** null: the line is not there. A number that the host does not say is null, and so is the load of one whose cores are not known. */
export function readHostLoad(output: string, cores: number | null): HostLoad | null {
  const found = LINE.exec(output);
  if (found === null) return null;
  const [average, threads] = [numberOf(found[1]), numberOf(found[2])];
  return { loadPerCore: average === null || cores === null ? null : average / cores, threadsRunning: threads };
}

function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}
