import { createHash } from 'node:crypto';

/** `SHA256:…` of a host key in wire format, as `ssh-keygen -l` prints it. */
export function hostKeyFingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The line for OpenSSH's known_hosts that pins this one key. */
export function knownHostsLine(host: string, port: number, key: Buffer): string {
  const type = key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
  return `${port === 22 ? host : `[${host}]:${port}`} ${type} ${key.toString('base64')}\n`;
}
