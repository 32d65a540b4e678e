import type { ServerHandle } from './server-process.ts';
import type { ServerName } from './server-spec.ts';
import type { Stack } from './running-stack.ts';

export interface StackParts {
  stateDir: string;
  handles: Map<ServerName, ServerHandle>;
  ssh:
    | (Pick<Stack['ssh'], 'user' | 'privateKeyFile' | 'hostKeyFingerprint' | 'dumpDirectory'> & { mysqlPort?: number })
    | null;
  temporal: { address: string; uiUrl: () => string; binary: string };
  stop(): Promise<void>;
  destroy(): Promise<void>;
}

const HOST = '127.0.0.1';

// Getters, because reading the address of a server that the stack does not have must throw.
export function stackOf(parts: StackParts): Stack {
  const server = (name: ServerName): ServerHandle => {
    const handle = parts.handles.get(name);
    if (handle === undefined) {
      throw new Error(
        `This stack runs no ${name} of its own: it has ${[...parts.handles.keys()].join(', ') || 'no servers'}.`,
      );
    }
    return handle;
  };
  return {
    stateDir: parts.stateDir,
    get postgres() {
      const { port } = server('postgres');
      return {
        host: HOST,
        port,
        user: 'postgres',
        url: (database: string) => `postgres://postgres@${HOST}:${port}/${database}`,
      };
    },
    get mariadb() {
      return { host: HOST, port: server('mariadb').port, user: 'root' as const };
    },
    get ssh() {
      const { port } = server('sshd');
      if (parts.ssh === null) throw new Error('This stack has no login for the legacy host.');
      return { host: HOST, port, ...parts.ssh, mysqlPort: parts.ssh.mysqlPort ?? server('mariadb').port };
    },
    get redis() {
      const { port } = server('redis');
      return { host: HOST, port, url: `redis://${HOST}:${port}` };
    },
    get temporal() {
      const { address, binary } = parts.temporal;
      return {
        address: address === '' ? `${HOST}:${server('temporal').port}` : address,
        uiUrl: parts.temporal.uiUrl(),
        binary,
        namespace: 'default' as const,
      };
    },
    server,
    stop: parts.stop,
    destroy: parts.destroy,
  };
}
