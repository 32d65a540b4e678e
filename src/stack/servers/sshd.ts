import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Client } from 'ssh2';
import { lastLines, runCommand } from '../run-command.ts';
import { giveTo, type ServerAccount } from '../server-account.ts';
import { PROBE_TIMEOUT_MS, type ServerSpec } from '../server-spec.ts';
import { endSessionsOfDoor } from '../sweep.ts';

export interface SshdOptions {
  dir: string;
  account: ServerAccount;
  binaries: { server: string; keygen: string };
  extraConfig: string[];
}

export function sshdServer(options: SshdOptions): ServerSpec {
  const { dir, account } = options;
  const configFile = path.join(dir, 'sshd_config');
  return {
    name: 'sshd',
    title: 'OpenSSH sshd',
    dir,
    account,
    stopSignal: 'SIGTERM',
    busyText: /Bind to port .* failed: Address already in use/,
    prepare: () => makeKeys(options),
    command: async (port) => {
      writeFileSync(configFile, configuration(options, port));
      giveTo(account, configFile);
      // An absolute path, because sshd executes itself again for every connection.
      return [options.binaries.server, '-D', '-e', '-f', configFile];
    },
    ready: (port) =>
      logIn({
        port,
        username: account.name,
        keyFile: clientKeyFile(dir),
        accept: (found) => found === hostKeyFingerprint(dir),
      }),
    afterStop: endSessionsOfDoor,
  };
}

export function clientKeyFile(dir: string): string {
  return path.join(path.dirname(dir), 'legacy-login', 'id_ed25519');
}

export function hostKeyFingerprint(dir: string): string {
  const [, key] = readFileSync(path.join(dir, 'host_key.pub'), 'utf8').split(' ');
  return fingerprint(Buffer.from(key ?? '', 'base64'));
}

function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

// MaxSessions and MaxStartups keep the distribution's values, as on a real legacy host. The caller's lines come first,
// because sshd takes the first value it finds.
function configuration({ dir, extraConfig }: SshdOptions, port: number): string {
  return [
    ...extraConfig,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${path.join(dir, 'host_key')}`,
    'PidFile none',
    `AuthorizedKeysFile ${path.join(dir, 'authorized_keys')}`,
    'AuthenticationMethods publickey',
    // PAM needs root, and StrictModes refuses every path below a folder that all may write to, such as /var/tmp.
    'UsePAM no',
    'StrictModes no',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n');
}

async function makeKeys({ dir, account, binaries }: SshdOptions): Promise<void> {
  const hostKey = path.join(dir, 'host_key');
  const clientKey = clientKeyFile(dir);
  await makeKey(binaries.keygen, hostKey, 'fleetgraph-legacy-host');
  await makeKey(binaries.keygen, clientKey, 'fleetgraph-legacy-login');
  const authorizedKeys = path.join(dir, 'authorized_keys');
  writeFileSync(authorizedKeys, readFileSync(`${clientKey}.pub`));
  for (const file of [hostKey, `${hostKey}.pub`, authorizedKeys]) giveTo(account, file);
}

export async function makeKey(keygen: string, file: string, comment: string): Promise<void> {
  // The public half is written last. A key without it is incomplete, left by a killed run.
  if (existsSync(`${file}.pub`)) return;
  rmSync(file, { force: true });
  const result = await runCommand(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file]);
  if (result.exitCode !== 0) throw new Error(`Cannot make the SSH key ${file}: ${lastLines(result.stderr)}`);
}

export interface Login {
  port: number;
  username: string;
  keyFile: string;
  accept: (hostKeyFingerprint: string) => boolean;
}

// A login that sees our host key proves that the server works and that it is ours.
export function logIn({ port, username, keyFile, accept }: Login): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once('ready', () => {
      client.end();
      resolve();
    });
    client.on('error', reject);
    client.connect({
      sock: net.connect({ host: '127.0.0.1', port, noDelay: true }),
      username,
      privateKey: readFileSync(keyFile),
      hostVerifier: (key: Buffer) => accept(fingerprint(key)),
      readyTimeout: PROBE_TIMEOUT_MS,
    });
  });
}
