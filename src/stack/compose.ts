import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutDir } from './checkout-dir.ts';
import { findOnPath, lastLines, runCommand } from './run-command.ts';
import type { ServerHandle } from './server-process.ts';
import type { ServerName } from './server-spec.ts';
import { clientKeyFile, logIn, makeKey } from './servers/sshd.ts';
import { stackOf } from './stack-addresses.ts';
import type { Stack, StackOptions } from './running-stack.ts';
import { createStateDir, removeStateDir } from './state-dir.ts';
import { lockStateDir } from './state-lock.ts';

// Names and inner ports as in docker-compose.yml. The legacy host is one container with sshd and MariaDB.
const SERVICES: Record<ServerName, { service: string; port: number }> = {
  postgres: { service: 'timescaledb', port: 5432 },
  redis: { service: 'redis', port: 6379 },
  temporal: { service: 'temporal', port: 7233 },
  sshd: { service: 'legacy', port: 22 },
  mariadb: { service: 'legacy', port: 3306 },
};
const WEB_UI = { service: 'temporal-ui', port: 8080 };
const LEGACY_USER = 'legacy';

const ENGINE_TIMEOUT_MS = 3_000;

export async function composeAnswers(): Promise<boolean> {
  if (process.env['FLEETGRAPH_STACK'] === 'binaries' || findOnPath('docker') === null) return false;
  return (await runCommand('docker', ['info'], { timeoutMs: ENGINE_TIMEOUT_MS })).exitCode === 0;
}

type Compose = (...args: string[]) => Promise<string>;

function composeFor(stateDir: string, publicKey: string): Compose {
  const project = `fleetgraph-${createHash('sha256').update(stateDir).digest('hex').slice(0, 8)}`;
  const file = path.join(checkoutDir(), 'docker-compose.yml');
  // Opens the servers without passwords, as our own binaries are. They are published on the loopback address only.
  const settings = path.join(checkoutDir(), 'docker', 'private-stack.env');
  return async (...args) => {
    const command = ['compose', '-p', project, '-f', file, '--env-file', settings, '--profile', 'demo', ...args];
    const env = { ...process.env, FLEETGRAPH_LEGACY_AUTHORIZED_KEY: publicKey };
    const result = await runCommand('docker', command, { env });
    if (result.exitCode !== 0) throw new Error(`docker compose ${args[0]}: ${lastLines(result.stderr, 1)}`);
    return result.stdout;
  };
}

// Prints "127.0.0.1:49153".
async function publishedPort(compose: Compose, { service, port }: { service: string; port: number }): Promise<number> {
  const published = Number(/:(\d+)\s*$/.exec(await compose('port', service, String(port)))?.[1]);
  if (!Number.isInteger(published)) throw new Error(`docker-compose.yml publishes no port for ${service}:${port}`);
  return published;
}

function handleOf(compose: Compose, name: ServerName, firstPort: number): ServerHandle {
  const { service } = SERVICES[name];
  let port = firstPort;
  return {
    name,
    pid: undefined,
    get port() {
      return port;
    },
    logFile: '',
    kill: async (signal = 'SIGKILL') => void (await compose('kill', '-s', signal, service)),
    // A restarted container gets a new port from the engine.
    restart: async () => {
      await compose('stop', service);
      await compose('up', '-d', '--wait', service);
      port = await publishedPort(compose, SERVICES[name]);
    },
    stop: async () => void (await compose('stop', service)),
  };
}

export async function startFromCompose(options: StackOptions): Promise<Stack> {
  const stateDir = path.resolve(options.stateDir);
  createStateDir(stateDir);
  const lock = await lockStateDir(stateDir);
  try {
    const { keyFile, publicKey } = await loginKey(stateDir);
    const compose = composeFor(stateDir, publicKey);
    const keepData = options.keepData ?? options.durable ?? false;
    const down = async (removeData: boolean) => void (await compose('down', ...(removeData ? ['-v'] : [])));
    options.onProgress?.('starting the servers by docker compose (the first time it fetches their images)');
    try {
      const running = await bringUp(compose, keyFile, options.servers);
      let ending: Promise<void> | undefined;
      const end = (remove: boolean) =>
        (ending ??= down(remove).then(lock.release, async (error: unknown) => {
          await lock.release();
          throw error;
        }));
      return stackOf({
        ...running,
        stateDir,
        stop: () => end(!keepData),
        destroy: () => end(true).then(() => removeStateDir(stateDir)),
      });
    } catch (error) {
      await down(!keepData).catch(() => {});
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function loginKey(stateDir: string): Promise<{ keyFile: string; publicKey: string }> {
  const keygen = findOnPath('ssh-keygen');
  if (keygen === null) throw new Error('ssh-keygen is missing (package openssh-client)');
  const keyFile = clientKeyFile(path.join(stateDir, 'sshd'));
  mkdirSync(path.dirname(keyFile), { recursive: true, mode: 0o700 });
  await makeKey(keygen, keyFile, 'fleetgraph-legacy-login');
  return { keyFile, publicKey: readFileSync(`${keyFile}.pub`, 'utf8').trim() };
}

async function bringUp(compose: Compose, keyFile: string, asked?: ServerName[]) {
  const names = asked ?? (Object.keys(SERVICES) as ServerName[]);
  const services = new Set(names.map((name) => SERVICES[name].service));
  if (names.includes('temporal')) services.add(WEB_UI.service);
  await compose('up', '-d', '--wait', ...services);
  const handles = new Map<ServerName, ServerHandle>();
  for (const name of names) handles.set(name, handleOf(compose, name, await publishedPort(compose, SERVICES[name])));
  const uiPort = names.includes('temporal') ? await publishedPort(compose, WEB_UI) : 0;
  const door = handles.get('sshd');
  const hostKeyFingerprint = door === undefined ? '' : await readHostKey(door.port, keyFile);
  return {
    handles,
    ssh:
      door === undefined
        ? null
        : {
            user: LEGACY_USER,
            privateKeyFile: keyFile,
            hostKeyFingerprint,
            dumpDirectory: '~/.fleetgraph',
            mysqlPort: 3306,
          },
    temporal: { address: '', uiUrl: () => `http://127.0.0.1:${uiPort}`, binary: findOnPath('temporal', []) ?? '' },
  };
}

// The container makes its own host key. The connection does not leave this machine, so the first key seen is pinned.
async function readHostKey(port: number, keyFile: string): Promise<string> {
  let seen = '';
  const accept = (found: string) => {
    seen = found;
    return true;
  };
  await logIn({ port, username: LEGACY_USER, keyFile, accept });
  return seen;
}
