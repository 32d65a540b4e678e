import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. With boot_id it tells a process from a later one with the same pid. */
  startTime: string;
  bootId: string;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function linkOrNull(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}

// The command name in field 2 may contain spaces and brackets, so the fields are counted from the last bracket.
function statFields(pid: number): string[] | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

export function identify(pid: number): ProcessIdentity | null {
  const startTime = statFields(pid)?.[19];
  const bootId = readOrNull('/proc/sys/kernel/random/boot_id')?.trim();
  return startTime === undefined || bootId === undefined ? null : { pid, startTime, bootId };
}

export function isRunning(pid: number): boolean {
  const state = statFields(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

export function isSameProcess(recorded: ProcessIdentity): boolean {
  const now = identify(recorded.pid);
  return (
    now !== null && now.startTime === recorded.startTime && now.bootId === recorded.bootId && isRunning(recorded.pid)
  );
}

export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function programOf(pid: number): string {
  return path.basename((linkOrNull(`/proc/${pid}/exe`) ?? '').replace(/ \(deleted\)$/, ''));
}

export function workingDirOf(pid: number): string | null {
  return linkOrNull(`/proc/${pid}/cwd`);
}

export function commandLineOf(pid: number): string {
  return (readOrNull(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ');
}

export function environmentOf(pid: number): string[] {
  return (readOrNull(`/proc/${pid}/environ`) ?? '').split('\0');
}

// The inodes of the TCP sockets whose local end is this port: the listener's and those of its connections.
export function socketsOnPort(port: number): Set<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (readOrNull(table) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hexPort}`) && fields[9] !== undefined && fields[9] !== '0') inodes.add(fields[9]);
    }
  }
  return inodes;
}

export function holdsSocket(pid: number, inodes: Set<string>): boolean {
  if (inodes.size === 0) return false;
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return names.some((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOrNull(`/proc/${pid}/fd/${name}`) ?? '')?.[1];
    return inode !== undefined && inodes.has(inode);
  });
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // A process that has ended needs no signal. Any other error (no permission) must be seen.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function waitUntilGone(pids: number[], timeoutMs: number): Promise<number[]> {
  const deadline = performance.now() + timeoutMs;
  let left = pids.filter(isRunning);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(10);
    left = left.filter(isRunning);
  }
  return left;
}
