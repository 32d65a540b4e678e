import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';

/**
 * An ssh-agent with one key, on a socket in a private directory: the OpenSSH client signs in with it and the key itself never
 * touches a disk.
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
  const agent = new ssh2.AgentProtocol(false);
  socket.on('error', () => socket.destroy());
  agent.on('error', () => socket.destroy());
  agent.on('identities', (request) => agent.getIdentitiesReply(request, [key]));
  agent.on('sign', (request, publicKey, data, options) => {
    const signature = publicKey.equals(key.getPublicSSH()) ? key.sign(data, options.hash) : null;
    if (signature === null || signature instanceof Error) agent.failureReply(request);
    else agent.signReply(request, signature);
  });
  socket.pipe(agent).pipe(socket);
}
