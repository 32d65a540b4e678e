import { expect } from '@jest/globals';
import { z } from 'zod';
import { type Role, createApiKey } from '../../src/client/api-keys.ts';
import { eventually } from './eventually.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { type ApiProcess, startApiProcess } from './api-process.ts';
import { definitionOf } from './api-routes.ts';

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
  /** As admin unless said. An answer of 2xx must fit what the route says it answers. */
  call(method: string, path: string, call?: Call): Promise<Answered>;
  get(path: string, call?: Call): Promise<Answered>;
  post(path: string, body?: unknown, call?: Call): Promise<Answered>;
  put(path: string, body?: unknown, call?: Call): Promise<Answered>;
  /** Actions of the audit log, oldest first. */
  audited(): Promise<string[]>;
  close(): Promise<void>;
}

/** A fleet of the test's own with an API process on it. `redisDatabase`: test files run side by side. */
export async function openApi({
  redisDatabase,
  environment: more = {},
}: {
  redisDatabase: number;
  environment?: Record<string, string>;
}): Promise<ApiFixture> {
  const fleet = await openFleet();
  const environment = {
    ...fleet.environment,
    FLEETGRAPH_REDIS_URL: `${fleet.stack.redis.url}/${redisDatabase}`,
    // A test that changes the database behind the API looks at once.
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
    },
  };
}

/** POSTs, and is answered that no worker is there. On a machine that is busy with other tests, Temporal may be too late: only then again. */
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

/** Every answer is of the shape that /docs shows. */
function assertFits(method: string, path: string, { status, body }: Answered): void {
  const answer = definitionOf(method, path)?.answer;
  const isProblem = status >= 400 && !path.startsWith('/health');
  const schema = isProblem ? problem : answer instanceof z.ZodType && status !== 304 ? answer : null;
  const parsed = schema?.safeParse(body);
  if (parsed?.success === false) {
    throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(body)}:\n${z.prettifyError(parsed.error)}`);
  }
}
