import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { createApiKey } from '../client/api-keys.ts';

const API = fileURLToPath(new URL('../api/main.js', import.meta.url));
/** The one of the documentation's examples; a free one where it is taken. */
export const DEMO_API_PORTS = ['3000', '0'];

export interface ApiProcess {
  url: string;
  /** Of the role admin, for as long as the demo's database is there. */
  key: string;
  stop(): Promise<void>;
}

/** What makes it the demo's. */
export const demoApiEnvironment = (port: string, temporalUiUrl: string) => ({
  FLEETGRAPH_API_PORT: port,
  FLEETGRAPH_API_LOOPBACK_READS: 'true',
  FLEETGRAPH_TEMPORAL_UI_URL: temporalUiUrl,
});

/** The API as an operator runs it, with a key that works. On this machine, reads of the workers need none. */
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
