import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Starts a program of the bench in a session of its own, as each service on an operator's machine has. Linux shares the cores between
 * sessions first (autogroup), so programs of one session would wait for each other. The program ends when its channel to this process closes.
 */
export function startOnItsOwn(program: 'bare-route' | 'open-loop-client'): ChildProcess {
  return fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), { detached: true });
}

/** A value of `nice`. Each step makes the share of CPU 1.25 times as large: 55 times here, a little less than the compose file's 65536 to 1024. */
const AHEAD_OF_THE_PIPELINES = -18;

/** Gives processes that somebody waits for precedence over the pipelines, as in the compose file. Returns whether this machine allows it. */
export function givePrecedence(pids: (number | undefined)[]): boolean {
  try {
    for (const pid of pids) writeFileSync(`/proc/${pid}/autogroup`, String(AHEAD_OF_THE_PIPELINES));
    return true;
  } catch {
    return false;
  }
}
