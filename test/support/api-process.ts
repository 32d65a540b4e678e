import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export interface ApiProcess {
  pid: number;
  url: string;
  log(): string;
  running(): boolean;
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

/** Starts the API as an operator does, on a free port. Resolves when it listens; it ends with the test's process. */
export async function startApiProcess(
  environment: Record<string, string>,
  nodeArguments: string[] = [],
): Promise<ApiProcess> {
  // setpriv executes the API in its own place, so the child's pid and channel are the API's.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', process.execPath, ...nodeArguments, `${checkoutDir()}/dist/api/main.js`],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session of its own, as a service has, because Linux shares the cores between sessions first.
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
