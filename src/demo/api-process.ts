import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { createApiKey } from '../records/api-keys.ts';

const API = fileURLToPath(new URL('../api/main.js', import.meta.url));
/** The port of the documentation's examples, or a free port when that one is taken. */
export const DEMO_API_PORTS = ['3000', '0'];

export interface ApiProcess {
  url: string;
  /** A key with the role admin, valid as long as the demo's database exists. */
  key: string;
  stop(): Promise<void>;
}

/** The settings by which the demo's API differs from an operator's. */
export const demoApiEnvironment = (port: string, temporalUiUrl: string) => ({
  FLEETGRAPH_API_PORT: port,
  FLEETGRAPH_API_LOOPBACK_READS: 'true',
  FLEETGRAPH_TEMPORAL_UI_URL: temporalUiUrl,
});

/** Starts the API as an operator runs it, with a valid key. Reading the workers' state needs no key on this machine. */
export async function startApiProcess(
  postgres: pg.Pool,
  { logFile, temporalUiUrl }: { logFile: string; temporalUiUrl: string },
): Promise<ApiProcess> {
  const { key } = await createApiKey(postgres, { name: 'demo', role: 'admin', actor: userInfo().username });
  for (const port of DEMO_API_PORTS) {
    const child = spawn(process.execPath, [API], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...demoApiEnvironment(port, temporalUiUrl) },
    });
    const log = createWriteStream(logFile, { flags: 'a' });
    child.stdout?.pipe(log);
    child.stderr?.pipe(log);
    const exited = once(child, 'exit');
    const said = await Promise.race([once(child, 'message'), exited.then(() => null)]);
    if (said === null) continue;
    const { url } = said[0] as { url: string };
    return {
      url,
      key,
      async stop() {
        child.kill('SIGTERM');
        await exited;
      },
    };
  }
  throw new Error(`The API ended before it listened. Its log is ${logFile}.`);
}
