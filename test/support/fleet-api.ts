import { expect } from '@jest/globals';
import { z } from 'zod';
import { type Role, createApiKey } from '../../src/records/api-keys.ts';
import { eventually } from './eventually.ts';
import { type Fleet, openFleet } from './fleet.ts';
import type { FleetWorker } from './fleet-worker.ts';
import { type ApiProcess, startApiProcess } from './api-process.ts';
import { definitionOf } from './api-routes.ts';
import { takeRedisDatabase } from './redis-database.ts';

export interface Answered {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it says more than a type
  body: any;
}

export interface Call {
  body?: unknown;
  /** `null`: without a key. */
  as?: Role | null;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface ApiFixture {
  fleet: Fleet;
  api: ApiProcess;
  keys: Record<Role, string>;
  /** What the API and the workers of this test are started with. */
  environment: Record<string, string>;
  /** The API's Redis database. */
  redisUrl: string;
  /** Calls as admin unless `as` names another role. An answer of 2xx must fit the route's definition. */
  call(method: string, path: string, call?: Call): Promise<Answered>;
  get(path: string, call?: Call): Promise<Answered>;
  post(path: string, body?: unknown, call?: Call): Promise<Answered>;
  put(path: string, body?: unknown, call?: Call): Promise<Answered>;
  /** Actions of the audit log, oldest first. */
  audited(): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a fleet for one test, with an API process and a Redis database of its own, because files run side by side. */
export async function openApi({
  environment: more = {},
}: {
  environment?: Record<string, string>;
} = {}): Promise<ApiFixture> {
  const fleet = await openFleet();
  const redis = await takeRedisDatabase(fleet.stack.redis.url);
  const environment = {
    ...fleet.environment,
    FLEETGRAPH_REDIS_URL: redis.url,
    // No answer may be older than a test's own change of the database.
    FLEETGRAPH_API_RECENT_MS: '0',
    ...more,
  };
  const key = async (role: Role): Promise<string> =>
    (await createApiKey(fleet.pool, { name: `test ${role}`, role, actor: 'test' })).key;
  const keys = { viewer: await key('viewer'), operator: await key('operator'), admin: await key('admin') };
  const api = await startApiProcess(environment);

  const call: ApiFixture['call'] = async (method, path, { body, as = 'admin', headers = {}, signal } = {}) => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: {
        ...(as === null ? {} : { authorization: `Bearer ${keys[as]}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    const answered = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    assertFits(method, path, answered);
    return answered;
  };
  return {
    fleet,
    api,
    keys,
    environment,
    redisUrl: environment.FLEETGRAPH_REDIS_URL,
    call,
    get: (path, options) => call('GET', path, options),
    post: (path, body, options) => call('POST', path, { ...options, body }),
    put: (path, body, options) => call('PUT', path, { ...options, body }),
    audited: async () =>
      (await fleet.pool.query<{ action: string }>('SELECT action FROM audit_log ORDER BY id')).rows.map(
        ({ action }) => action,
      ),
    close: async () => {
      await api.kill();
      await fleet.close();
      await redis.release();
    },
  };
}

/** A worker for the legacy sync alone, on the same Redis as the API. */
export const startSyncWorker = ({ fleet, environment }: ApiFixture): Promise<FleetWorker> =>
  fleet.startWorker({
    env: { FLEETGRAPH_REDIS_URL: environment['FLEETGRAPH_REDIS_URL']!, FLEETGRAPH_WORKER_ROLES: 'legacy-sync' },
  });

/** Waits until the run has ended and returns the API's answer. */
export const untilRunEnded = ({ get }: ApiFixture, runId: string): Promise<Answered['body']> =>
  eventually(
    async () => {
      const { run } = (await get(`/api/v1/legacy-sync/runs/${runId}`)).body;
      expect(run.state).not.toBe('running');
      return run;
    },
    { withinMs: 40_000 },
  );

/** POSTs and expects the answer that no worker is there. It repeats the call only when Temporal, on a busy machine, answered too late. */
export async function untilNobody({ post }: ApiFixture, path: string): Promise<void> {
  const nobody = { status: 503, body: { code: 'NoWorker', error: expect.stringContaining('`fleetgraph worker`') } };
  const inTime = async (): Promise<Answered> => {
    const answered = await post(path);
    if (answered.body.code === 'TemporalUnavailable') throw new Error(`Temporal was too late for ${path}.`);
    return answered;
  };
  expect(await eventually(inTime, { withinMs: 30_000 })).toMatchObject(nobody);
}

const problem = z.strictObject({
  success: z.literal(false),
  error: z.string().min(1),
  code: z.string().min(1),
  type: z.string().startsWith('urn:fleetgraph:problem:'),
  title: z.string().min(1),
  status: z.number(),
  detail: z.string().min(1),
  instance: z.string().startsWith('/'),
  errors: z.array(z.strictObject({ field: z.string(), rule: z.string(), message: z.string() })).optional(),
  link: z.string().startsWith('/api/v1/').optional(),
});

/** Checks that an answer has the shape that /docs shows. */
function assertFits(method: string, path: string, { status, body }: Answered): void {
  const answer = definitionOf(method, path)?.answer;
  const isProblem = status >= 400 && !path.startsWith('/health');
  const schema = isProblem ? problem : answer instanceof z.ZodType && status !== 304 ? answer : null;
  const parsed = schema?.safeParse(body);
  if (parsed?.success === false) {
    throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(body)}:\n${z.prettifyError(parsed.error)}`);
  }
}
