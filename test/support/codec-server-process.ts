import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export const UI_ORIGIN = 'https://temporal.example.org';

export interface CodecServerProcess {
  url: string;
  token: string;
  /** The lines of its log so far. */
  log(): string[];
  stop(): Promise<number | null>;
}

/** Starts `fleetgraph codec-server` as an operator does. It ends with the test's process. */
export async function startCodecServer(
  environment: Record<string, string>,
  { origin = UI_ORIGIN, port: wanted = 0 } = {},
): Promise<CodecServerProcess> {
  const token = randomBytes(24).toString('hex');
  const args = ['codec-server', '--port', String(wanted), '--origin', origin, '--token', 'env:CODEC_TOKEN'];
  const program = ['--pdeathsig', 'KILL', process.execPath, `${checkoutDir()}/dist/cli/main.js`, ...args];
  const child = spawn('setpriv', program, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...environment, CODEC_TOKEN: token },
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const lines: string[] = [];
  const listening = new Promise<{ port: number }>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.includes('the codec server listens')) resolve(JSON.parse(line) as { port: number });
    });
    void ended.then(() => reject(new Error(`The codec server ended before it listened:\n${lines.join('\n')}`)));
  });
  const { port } = await listening;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    log: () => [...lines],
    stop: async () => {
      if (child.exitCode === null) child.kill('SIGTERM');
      return (await ended)[0];
    },
  };
}
