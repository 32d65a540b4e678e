import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A program of the bench in a session of its own, as each service of an operator's machine is: Linux shares the cores between sessions first
 * (autogroup), so programs of one session would wait for each other. It ends when its channel to this process does.
 */
export function startOnItsOwn(program: 'bare-route' | 'open-loop-client'): ChildProcess {
  return fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), { detached: true });
}

/** Of the scale of `nice`, whose every step is a share 1.25 times as large: 55 times here, a little less than the compose file's 65536 to 1024. */
const AHEAD_OF_THE_PIPELINES = -18;

/** Whoever waits for an answer goes before the pipelines, as in the compose file. Returns whether this machine allows it. */
export function givePrecedence(pids: (number | undefined)[]): boolean {
  try {
    for (const pid of pids) writeFileSync(`/proc/${pid}/autogroup`, String(AHEAD_OF_THE_PIPELINES));
    return true;
  } catch {
    return false;
  }
}
