import { spawn } from 'node:child_process';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { knownHostsLine } from '../../../connections/ssh/host-key.ts';
import type { SshTarget } from '../../../connections/ssh/ssh-target.ts';
import { Failure } from '../../../errors.ts';
import { startSigningAgent } from './signing-agent.ts';

const KILL_AFTER_MS = 2_000;

export interface ScpTransfer {
  target: SshTarget;
  hostKey: Buffer;
  file: string;
  localPart: string;
  /** 0: as fast as it can. */
  bytesPerSecond?: number;
  signal: AbortSignal;
}

/**
 * Copies the whole file with the OpenSSH client's scp, which cannot resume. It meets the same pinned key as our own connections:
 * `hostKey` is the one such a connection has verified. Errors: TransferFailed, the signal's reason.
 */
export async function transferByScp({
  target,
  hostKey,
  file,
  localPart,
  bytesPerSecond = 0,
  signal,
}: ScpTransfer): Promise<void> {
  if (!/^\/[A-Za-z0-9_./-]+$/.test(file)) {
    throw new Failure(
      'TransferFailed',
      `scp cannot fetch ${file}: its path has characters that scp may read as a pattern. Set remoteDirectory to a plain path, or transfer.method to exec.`,
    );
  }
  const dir = await mkdtemp(join(tmpdir(), 'fleetgraph-scp-'));
  const agent = await startSigningAgent(await target.readKey());
  try {
    const knownHosts = join(dir, 'known_hosts');
    await writeFile(knownHosts, knownHostsLine(target.host, target.port, hostKey), { mode: 0o600 });
    // scp would make the file with the remote one's mode, and follow a link.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    await (await open(localPart, flags, 0o600)).close();
    await runScp(scpArguments({ target, file, localPart, bytesPerSecond }, { knownHosts, agent: agent.path }), signal);
  } finally {
    await agent.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function scpArguments(
  {
    target,
    file,
    localPart,
    bytesPerSecond,
  }: Required<Pick<ScpTransfer, 'target' | 'file' | 'localPart' | 'bytesPerSecond'>>,
  { knownHosts, agent }: { knownHosts: string; agent: string },
): string[] {
  const options = {
    BatchMode: 'yes',
    // Errors only, without banners.
    LogLevel: 'ERROR',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
    IdentityAgent: agent,
    IdentityFile: 'none',
    PreferredAuthentications: 'publickey',
    ConnectTimeout: '20',
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    ...(target.legacyAlgorithms
      ? {
          KexAlgorithms: '+diffie-hellman-group14-sha1,diffie-hellman-group1-sha1',
          HostKeyAlgorithms: '+ssh-rsa',
          PubkeyAcceptedAlgorithms: '+ssh-rsa',
          Ciphers: '+aes128-cbc,3des-cbc',
        }
      : {}),
  };
  const set = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  // In kbit.
  const slowly = bytesPerSecond > 0 ? ['-l', String(Math.max(8, Math.floor(bytesPerSecond / 125)))] : [];
  // -F: the account's own configuration must not change where we connect to.
  return [
    '-F',
    '/dev/null',
    '-P',
    String(target.port),
    ...slowly,
    ...set,
    '--',
    `${target.user}@${host}:${file}`,
    localPart,
  ];
}

function runScp(args: string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('scp', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-2_000);
    });
    const stop = () => {
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.once('error', (cause) =>
      reject(
        new Failure(
          'TransferFailed',
          'Cannot start scp: install the OpenSSH client on this host, or set transfer.method to exec.',
          { cause },
        ),
      ),
    );
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason as Error);
      else if (code === 0) resolve();
      else reject(scpFailure(code ?? killedBy, said));
    });
  });
}

function scpFailure(end: number | string | null, said: string): Failure {
  if (/No space left on device|Disk quota exceeded|File too large/.test(said))
    return new Failure(
      'LocalDiskFull',
      'scp could not write the local copy: the staging volume is full. Free space there.',
    );
  if (/Host key verification failed/.test(said))
    return new Failure(
      'HostKeyMismatch',
      'scp met another host key than our own connections did a moment ago. Nothing was transferred.',
    );
  return new Failure('TransferFailed', `scp ended with ${end}. It is tried again from the beginning.`);
}

/** Bytes that scp has written so far. */
export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
