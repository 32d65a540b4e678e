import net from 'node:net';
import ssh2, { Client, type PublicKeyAuthMethod } from 'ssh2';
import { Failure } from '../../errors.ts';
import { connectFailure, hostKeyMismatch } from './connect-failure.ts';
import { hostKeyFingerprint } from './host-key.ts';
import { LEGACY_ALGORITHMS } from './legacy-algorithms.ts';
import type { SshTarget } from './ssh-target.ts';

export interface SshConnection {
  client: Client;
  /** The host key that the host has proved to own: one of the pinned ones. */
  hostKey: Buffer;
  /** Settled when the connection is gone, for whatever reason. */
  closed: Promise<void>;
}

export interface ConnectOptions {
  connectTimeoutMs: number;
  keepaliveMs: number;
}

/**
 * One connection: TCP, pinned host key, login by key.
 * Errors: SshUnreachable, SshAuthRejected, HostKeyMismatch (before anything of ours but the version line was sent), SecretUnavailable.
 */
export async function connectSsh(target: SshTarget, options: ConnectOptions): Promise<SshConnection> {
  const key = parseKey(target, await target.readKey());
  // ssh2 leaves Nagle on, which costs 40 ms per small exchange.
  const sock = net.connect({ host: target.host, port: target.port, noDelay: true });
  const client = new Client();
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  try {
    const hostKey = await login(client, target, { ...options, sock, key });
    return { client, hostKey, closed };
  } catch (cause) {
    client.destroy();
    sock.destroy();
    throw connectFailure(target, cause);
  }
}

function parseKey(target: SshTarget, content: Buffer) {
  const parsed = ssh2.utils.parseKey(content);
  if (parsed instanceof Error || !parsed.isPrivateKey()) {
    throw new Failure(
      'SecretUnavailable',
      `The private key for ${target.id} cannot be used: it is no unencrypted private key in OpenSSH or PEM format.`,
    );
  }
  return parsed;
}

type LoginOptions = ConnectOptions & { sock: net.Socket; key: ReturnType<typeof parseKey> };

function login(client: Client, target: SshTarget, options: LoginOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let hostKey: Buffer | null = null;
    let refusal: Failure | null = null;
    client.on('error', (error) => reject(refusal ?? error));
    client.once('close', () => reject(refusal ?? new Error('Connection lost before handshake')));
    client.once('ready', () => (hostKey ? resolve(hostKey) : reject(new Error('ready without a host key'))));
    // An explicit list, because ssh2 would begin with an attempt of the method 'none'.
    const publicKey: PublicKeyAuthMethod = { type: 'publickey', username: target.user, key: options.key };
    client.connect({
      sock: options.sock,
      username: target.user,
      authHandler: [publicKey],
      // Without a verifier ssh2 accepts every key.
      hostVerifier: (offered: Buffer) => {
        const fingerprint = hostKeyFingerprint(offered);
        if (!target.hostKeyFingerprints.includes(fingerprint)) {
          refusal = hostKeyMismatch(target, fingerprint);
          return false;
        }
        hostKey = offered;
        return true;
      },
      readyTimeout: options.connectTimeoutMs,
      keepaliveInterval: options.keepaliveMs,
      keepaliveCountMax: 3,
      ...(target.legacyAlgorithms ? { algorithms: LEGACY_ALGORITHMS } : {}),
    });
  });
}
