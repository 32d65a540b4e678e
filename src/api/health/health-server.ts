import { type Server, type ServerResponse, createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type HealthChecks = Record<string, () => Promise<void>>;

const CHECK_TIMEOUT_MS = 1_000;

/** `/health/live` says that the process answers; `/health/ready` asks every dependency and answers 503 when one is down. */
export function createHealthServer(checks: HealthChecks): Server {
  return createServer((request, response) => {
    if (request.url === '/health/live') return answer(response, 200, { status: 'ok' });
    if (request.url === '/health/ready')
      return void readiness(checks).then((body) => answer(response, body.status === 'ok' ? 200 : 503, body));
    return answer(response, 404, { status: 'not found' });
  });
}

async function readiness(checks: HealthChecks): Promise<{ status: string; dependencies: Record<string, string> }> {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, (await isUp(check)) ? 'up' : 'down'] as const),
  );
  const down = states.some(([, state]) => state === 'down');
  return { status: down ? 'down' : 'ok', dependencies: Object.fromEntries(states) };
}

async function isUp(check: () => Promise<void>): Promise<boolean> {
  const inTime = check().then(
    () => true,
    () => false,
  );
  return Promise.race([inTime, sleep(CHECK_TIMEOUT_MS, false, { ref: false })]);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
