import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';

// draft-ietf-sshm-ssh-agent
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);
const RSA_SHA2_256 = 2;
const RSA_SHA2_512 = 4;
/** No request of a client that only signs in is longer. */
const LONGEST_REQUEST = 256 * 1024;

/**
 * An ssh-agent with one key, on a socket in a private directory: the OpenSSH client signs in with it and the key itself never
 * touches a disk. (ssh2's own AgentProtocol misreads everything after a message that it does not know, and OpenSSH begins with one.)
 */
export async function startSigningAgent(privateKey: Buffer) {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  const dir = await mkdtemp(join(tmpdir(), 'fleetgraph-agent-'));
  const path = join(dir, 'socket');
  const server = net.createServer((socket) => serve(socket, key));
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    close: async () => {
      server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function serve(socket: net.Socket, key: ParsedKey): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4) {
      const end = 4 + received.readUInt32BE(0);
      if (end > LONGEST_REQUEST) socket.destroy();
      if (end > LONGEST_REQUEST || received.length < end) return;
      socket.write(answer(received.subarray(4, end), key));
      received = received.subarray(end);
    }
  });
}

function answer(request: Buffer, key: ParsedKey): Buffer {
  const blob = key.getPublicSSH();
  if (request[0] === REQUEST_IDENTITIES) {
    return message(IDENTITIES_ANSWER, Buffer.from([0, 0, 0, 1]), field(blob), field(Buffer.from('fleetgraph')));
  }
  const fields = request[0] === SIGN_REQUEST ? signRequest(request) : null;
  if (fields === null || !fields.blob.equals(blob)) return FAILURE;
  const { format, hash } = signatureFormat(key.type, fields.flags);
  const signature = key.sign(fields.data, hash);
  if (signature instanceof Error) return FAILURE;
  const raw = key.type.startsWith('ecdsa-') ? ecdsaSignature(signature) : signature;
  return message(SIGN_RESPONSE, field(Buffer.concat([field(Buffer.from(format)), field(raw)])));
}

function signRequest(request: Buffer): { blob: Buffer; data: Buffer; flags: number } | null {
  try {
    const blobEnd = 5 + request.readUInt32BE(1);
    const dataEnd = blobEnd + 4 + request.readUInt32BE(blobEnd);
    const flags = request.readUInt32BE(dataEnd);
    return { blob: request.subarray(5, blobEnd), data: request.subarray(blobEnd + 4, dataEnd), flags };
  } catch {
    return null;
  }
}

function signatureFormat(type: string, flags: number): { format: string; hash?: string } {
  if (type === 'ssh-rsa' && flags & RSA_SHA2_512) return { format: 'rsa-sha2-512', hash: 'sha512' };
  if (type === 'ssh-rsa' && flags & RSA_SHA2_256) return { format: 'rsa-sha2-256', hash: 'sha256' };
  return { format: type };
}

/** SEQUENCE { INTEGER r, INTEGER s } to two mpints, which have the same bytes as the integers. */
function ecdsaSignature(der: Buffer): Buffer {
  const rAt = der[1] === 0x81 ? 3 : 2;
  const sAt = rAt + 2 + (der[rAt + 1] ?? 0);
  const [r, s] = [rAt, sAt].map((at) => der.subarray(at + 2, at + 2 + (der[at + 1] ?? 0)));
  return Buffer.concat([field(r ?? der), field(s ?? der)]);
}

function field(content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}

function message(type: number, ...fields: Buffer[]): Buffer {
  return field(Buffer.concat([Buffer.from([type]), ...fields]));
}
