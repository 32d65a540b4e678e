import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { redriveWorkflowId, serverTestWorkflowId } from '../../src/workflows/legacy-sync/messages.ts';
import { SWITCH_GRAPH_WORKFLOW_ID } from '../../src/workflows/transport-graph/messages.ts';
import { startOdataSource } from '../../src/emulators/odata-source.ts';
import { writeSetting } from '../../src/records/settings.ts';
import { holdSource } from '../support/pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { SERVER_ID } from '../support/fleet.ts';
import { sharedStack } from '../support/stack.ts';
import { createBuilder, emptyRedis, seedNetwork } from '../support/graph-fixture.ts';
import { reserveRedisDatabase } from '../support/redis-database.ts';
import { type ApiFixture, openApi } from '../support/fleet-api.ts';
import { startApiProcess } from '../support/api-process.ts';
import { openEvents } from '../support/event-stream.ts';

type Part = 'postgres' | 'redis' | 'temporal';

let fixture: ApiFixture;
let links: Record<Part, FaultProxy>;

const hostPort = (address: string): { host: string; port: number } => {
  const [host = '', port] = address.replace(/^.*\/\//, '').split(':');
  return { host, port: Number(port) };
};

beforeAll(async () => {
  const { postgres, redis, temporal } = sharedStack();
  links = {
    postgres: await startFaultProxy({ host: postgres.host, port: postgres.port }),
    redis: await startFaultProxy(hostPort(redis.url)),
    temporal: await startFaultProxy(hostPort(temporal.address)),
  };
  const graphRedis = new URL(await reserveRedisDatabase(redis.url));
  // Workers of none: what a run does is not the matter here.
  fixture = await openApi({
    environment: {
      TEMPORAL_ADDRESS: `${links.temporal.host}:${links.temporal.port}`,
      FLEETGRAPH_REDIS_URL: `redis://127.0.0.1:${links.redis.port}${graphRedis.pathname}`,
    },
  });
  await fixture.api.stop();
  const through = new URL(fixture.environment['FLEETGRAPH_POSTGRES_URL']!);
  through.host = `127.0.0.1:${links.postgres.port}`;
  fixture.environment['FLEETGRAPH_POSTGRES_URL'] = through.href;
  Object.assign(fixture.api, await startApiProcess(fixture.environment));
  const redisConnection = await emptyRedis(graphRedis.href);
  await seedNetwork(fixture.fleet.pool, { stops: 4, routes: 8 });
  await createBuilder(fixture.fleet.pool, redisConnection).build();
  redisConnection.disconnect();
  await allIsWell();
}, 120_000);
afterEach(async () => {
  // What a black hole swallowed is lost, which TCP would not do: its connections end with it.
  for (const link of Object.values(links)) {
    link.set({ kind: 'rst' });
    link.set({ kind: 'pass' });
  }
  await allIsWell();
});
afterAll(async () => {
  await fixture?.close();
  await Promise.all(Object.values(links ?? {}).map((link) => link.close()));
});

const allIsWell = (): Promise<void> =>
  eventually(async () => expect((await fixture.get('/health/ready')).body.status).toBe('ok'), {
    withinMs: 30_000,
    everyMs: 200,
  });

const MISSING_RUN = '6f0d8f5a-0000-4000-8000-000000000000';

/** What each endpoint stands on. `[]`: it answers whatever is away. */
const NEEDS: [call: string, needs: Part[]][] = [
  ['GET /health/live', []],
  ['GET /docs', []],
  ['GET /metrics', []],
  ['GET /api/v1/session', []],
  ['GET /api/v1/workers', ['postgres']],
  ['GET /api/v1/workers/pipeline/status', ['postgres']],
  ['GET /api/v1/settings', ['postgres']],
  ['GET /api/v1/legacy-sync/runs', ['postgres']],
  [`GET /api/v1/legacy-sync/runs/${MISSING_RUN}`, ['postgres']],
  ['GET /api/v1/legacy-sync/vehicles', ['postgres']],
  ['GET /api/v1/graph', ['postgres']],
  ['GET /api/v1/graph/nodes/stop-0', ['redis']],
  ['GET /api/v1/graph/path?from=stop-0&to=stop-1', ['redis']],
  ['GET /api/v1/workers/pipeline/schedule', ['temporal']],
  ['POST /api/v1/workers/execute', ['postgres', 'temporal']],
  ['POST /api/v1/legacy-sync/runs', ['postgres', 'temporal']],
];
const CODE: Record<Part, string> = {
  postgres: 'DatabaseUnavailable',
  redis: 'RedisUnavailable',
  temporal: 'TemporalUnavailable',
};
/** The promise is a second; the rest is for a machine that is busy with other tests. */
const WITHIN_MS = 3_000;

/** The code of a 503 in time, or for null the usual answer. */
async function expectAnswer(call: string, code: string | null, act?: object): Promise<void> {
  const [method = '', path = ''] = call.split(' ');
  const askedAt = performance.now();
  const { status, body, headers } = await fixture.call(method, path, { body: act });
  const tookMs = performance.now() - askedAt;
  expect({ call, tookMs, inTime: tookMs < WITHIN_MS }).toMatchObject({ inTime: true });
  if (code === null) expect({ call, status }).toEqual({ call, status: path.includes(MISSING_RUN) ? 404 : 200 });
  else {
    expect({ call, status, body }).toMatchObject({ status: 503, body: { code, success: false } });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
}

const FAULTS = ['rst', 'blackhole'] as const;
const TABLE = (Object.keys(CODE) as Part[]).flatMap((part) => FAULTS.map((kind) => [part, kind] as const));

test.each(TABLE)(
  '%s away (%s): 503 with Retry-After from what needs it, answers from the rest',
  async (part, kind) => {
    // Keys that were seen before are good while PostgreSQL is away.
    await fixture.get('/api/v1/session');
    links[part].set({ kind });
    // With a worker or without, a start that succeeds would leave something running.
    const calls = NEEDS.filter(([call, needs]) => !call.startsWith('POST') || needs.includes(part));
    await Promise.all(calls.map(([call, needs]) => expectAnswer(call, needs.includes(part) ? CODE[part] : null)));
    await eventually(async () => {
      const ready = await fixture.get('/health/ready');
      expect({ status: ready.status, health: ready.body.status }).toEqual(
        part === 'postgres' ? { status: 503, health: 'down' } : { status: 200, health: 'degraded' },
      );
      expect(ready.body.checks).toContainEqual(expect.objectContaining({ name: part, status: 'down' }));
    });
  },
  90_000,
);

test('what needs a worker says at once that none is there, and leaves nothing for one to find', async () => {
  const { runId } = (await fixture.post('/api/v1/legacy-sync/runs', {})).body;
  await fixture.fleet.addVehicles(1, { rows: 0 });
  const reason = 'the graph is wrong';
  const acts: [call: string, body?: object][] = [
    ['POST /api/v1/graph/rollback', { reason }],
    [`POST /api/v1/legacy-sync/servers/${SERVER_ID}/test`],
    ['POST /api/v1/legacy-sync/quarantine/redrive', { vehicleId: '1', reason }],
    [`POST /api/v1/legacy-sync/runs/${runId}/pause`],
    [`POST /api/v1/legacy-sync/runs/${runId}/resume`],
    [`PUT /api/v1/legacy-sync/runs/${runId}/max-workers`, { maxWorkers: 2 }],
  ];
  // Temporal may have been reached anew only just now.
  for (const [call, body] of acts) await eventually(() => expectAnswer(call, 'NoWorker', body));
  await fixture.fleet.client.workflow.getHandle(`fleet-sync/all`).terminate();
  for (const workflowId of [SWITCH_GRAPH_WORKFLOW_ID, serverTestWorkflowId(SERVER_ID), redriveWorkflowId('1')]) {
    await expect(fixture.fleet.client.workflow.getHandle(workflowId).describe()).rejects.toThrow(WorkflowNotFoundError);
  }
});

test('the API starts while everything is away, and answers when it is there', async () => {
  for (const link of Object.values(links)) link.set({ kind: 'rst' });
  const api = await startApiProcess(fixture.environment);
  try {
    const health = async (): Promise<string> =>
      ((await (await fetch(`${api.url}/health/ready`)).json()) as { status: string }).status;
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    expect(await health()).toBe('down');
    for (const link of Object.values(links)) link.set({ kind: 'pass' });
    await eventually(async () => expect(await health()).toBe('ok'), { withinMs: 30_000, everyMs: 200 });
  } finally {
    expect(await api.stop()).toBe(0);
  }
});

test('asked to stop, it answers what it was asked, ends its streams and exits 0', async () => {
  const source = await startOdataSource({});
  const held = holdSource(source);
  await writeSetting(fixture.fleet.pool, 'transport_graph.odata.url', source.url, { actor: 'test' });
  await fixture.fleet.startWorker({
    env: {
      FLEETGRAPH_WORKER_ROLES: 'transport-graph',
      FLEETGRAPH_REDIS_URL: fixture.environment['FLEETGRAPH_REDIS_URL']!,
    },
  });
  const api = await startApiProcess(fixture.environment);
  const headers = { authorization: `Bearer ${fixture.keys.admin}`, 'content-type': 'application/json' };
  const started = (await (
    await fetch(`${api.url}/api/v1/legacy-sync/runs`, { method: 'POST', headers, body: '{}' })
  ).json()) as { runId: string };
  const events = await openEvents(`${api.url}/api/v1/legacy-sync/runs/${started.runId}/events`, fixture.keys.viewer);
  // Its source does not answer: this waits until it is told that we stop.
  const waiting = fetch(`${api.url}/api/v1/workers/execute`, { method: 'POST', headers, body: '{}' });
  await held.asked();
  const [code, answer] = await Promise.all([api.stop(), waiting]);
  expect({ code, status: answer.status, location: answer.headers.get('location') }).toEqual({
    code: 0,
    status: 202,
    location: expect.stringMatching(/^\/api\/v1\/workers\/runs\//),
  });
  await events.ended;
  expect(events.events[0]).toMatchObject({ event: 'progress' });
  held.release();
  await source.close();
});
