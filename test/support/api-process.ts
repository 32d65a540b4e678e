import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export interface ApiProcess {
  pid: number;
  url: string;
  log(): string;
  running(): boolean;
  /** SIGTERM; the answer is the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

/** The API as an operator runs it, on a port of its own. Resolves when it listens; dies with the test's process. */
export async function startApiProcess(
  environment: Record<string, string>,
  nodeArguments: string[] = [],
): Promise<ApiProcess> {
  // setpriv execs: the child's pid and its channel are the API's.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', process.execPath, ...nodeArguments, `${checkoutDir()}/dist/api/main.js`],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session of its own, as a service has: Linux shares the cores between sessions first.
      detached: true,
      env: { FLEETGRAPH_API_PORT: '0', FLEETGRAPH_LOG_LEVEL: 'warn', ...environment },
    },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => void (log += text));
  }
  const ended = once(child, 'close');
  const said = await Promise.race([once(child, 'message'), ended.then(() => null)]);
  if (said === null || child.pid === undefined) throw new Error(`The API ended before it listened. Its log:\n${log}`);
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid,
    url: (said[0] as { url: string }).url,
    log: () => log,
    running,
    stop: async () => {
      if (running()) child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
