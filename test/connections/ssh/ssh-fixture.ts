import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { pino } from 'pino';
import type { ConnectionPermits } from '../../../src/connections/ssh/connection-permits.ts';
import { inProcessPermits } from '../../../src/connections/ssh/in-process-permits.ts';
import { createSshPool } from '../../../src/connections/ssh/ssh-pool.ts';
import type { SshPoolLimits, SshTarget } from '../../../src/connections/ssh/ssh-target.ts';
import type { Stack } from '../../../src/stack/stack.ts';

export const silentLogger = pino({ level: 'silent' });

export function sshTarget(ssh: Stack['ssh'], changes: Partial<SshTarget> = {}): SshTarget {
  return {
    id: 'depot',
    host: ssh.host,
    port: ssh.port,
    user: ssh.user,
    readKey: () => readFile(ssh.privateKeyFile),
    hostKeyFingerprints: [ssh.hostKeyFingerprint],
    legacyAlgorithms: false,
    ...changes,
  };
}

export type PoolNumbers = { [K in keyof SshPoolLimits]: number | (() => number) };

export function openPool(target: SshTarget, numbers: Partial<PoolNumbers> = {}, permits?: ConnectionPermits) {
  const chosen: PoolNumbers = {
    connections: 5,
    sessionsPerConnection: 8,
    connectTimeoutMs: 10_000,
    keepaliveMs: 5_000,
    idleProbeMs: 30_000,
    idleCloseMs: 60_000,
    ...numbers,
  };
  const read = (key: keyof SshPoolLimits) => () => {
    const value = chosen[key];
    return typeof value === 'number' ? value : value();
  };
  const live: SshPoolLimits = {
    connections: read('connections'),
    sessionsPerConnection: read('sessionsPerConnection'),
    connectTimeoutMs: read('connectTimeoutMs'),
    keepaliveMs: read('keepaliveMs'),
    idleProbeMs: read('idleProbeMs'),
    idleCloseMs: read('idleCloseMs'),
  };
  return createSshPool({
    target,
    limits: live,
    permits: permits ?? inProcessPermits(live.connections),
    logger: silentLogger,
  });
}

/** A comment for a script by which its processes are found again. */
export const newMark = () => `mark-${randomBytes(8).toString('hex')}`;

/** Processes of this machine whose command line holds `mark`; the sessions' account is another one, and all run here. */
export function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Descendants too: a `sleep` of the script does not carry the mark, but its process group does. */
export function processGroup(group: number): number[] {
  // 0 is the kernel's.
  if (group === 0) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const doomed = isDoomed(readFileSync(`/proc/${pid}/status`, 'utf8'));
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, , pgrp, , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(pgrp) === group && state !== 'Z' && !doomed && (Number(flags) & PF_EXITING) === 0;
      } catch {
        return false;
      }
    });
}

const PF_EXITING = 0x4;

/** Killed, but on a busy machine not yet given the core on which to die: it runs no instruction of its own any more. */
function isDoomed(status: string): boolean {
  const pending = BigInt(`0x${/^SigPnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((pending >> BigInt(constants.signals.SIGKILL - 1)) & 1n) === 1n;
}
