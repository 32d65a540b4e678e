import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { ROLES, type Role, createApiKey, revokeApiKey } from '../../../src/records/api-keys.ts';
import { loadConfig } from '../../../src/config.ts';
import { createLogger } from '../../../src/logger.ts';
import { checkoutDir } from '../../../src/stack/checkout-dir.ts';
import { createApp } from '../../../src/api/create-app.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { startApiProcess } from '../../support/api-process.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApi({
    // As it is shipped: what is in memory asks who may have it, too.
    environment: { FLEETGRAPH_API_RECENT_MS: '500' },
  });
}, 120_000);
afterAll(() => fixture?.close());

/** Who may what: a route that is not here, or is here and not there, is an error. */
const ACCESS: Record<string, Role | 'public' | 'local'> = {
  'GET /health/live': 'public',
  'GET /health/ready': 'public',
  'GET /': 'public',
  'GET /dashboard/:file': 'public',
  'GET /docs': 'public',
  'GET /docs/openapi.json': 'public',
  'GET /docs/start.js': 'public',
  'GET /docs/swagger-ui.css': 'public',
  'GET /docs/swagger-ui-bundle.js': 'public',
  'GET /metrics': 'viewer',
  'GET /api/v1/session': 'viewer',
  'GET /api/v1/audit': 'admin',
  'GET /api/v1/paused': 'viewer',
  'GET /api/v1/alerts/open': 'viewer',
  'GET /api/v1/workers': 'local',
  'GET /api/v1/workers/pipeline/status': 'local',
  'GET /api/v1/workers/pipeline/schedule': 'local',
  'GET /api/v1/workers/runs': 'local',
  'GET /api/v1/workers/runs/:runId': 'local',
  'GET /api/v1/workers/:workerId/status': 'local',
  'POST /api/v1/workers/execute': 'operator',
  'POST /api/v1/workers/:workerId/execute': 'operator',
  'POST /api/v1/workers/pipeline/cancel': 'operator',
  'POST /api/v1/workers/:workerId/cancel': 'operator',
  'POST /api/v1/legacy-sync/runs': 'operator',
  'GET /api/v1/legacy-sync/runs': 'viewer',
  'GET /api/v1/legacy-sync/runs/:runId': 'viewer',
  'GET /api/v1/legacy-sync/runs/:runId/vehicles': 'viewer',
  'GET /api/v1/legacy-sync/runs/:runId/throughput': 'viewer',
  'GET /api/v1/legacy-sync/runs/:runId/timeline': 'viewer',
  'GET /api/v1/legacy-sync/runs/:runId/events': 'viewer',
  'POST /api/v1/legacy-sync/runs/:runId/pause': 'operator',
  'POST /api/v1/legacy-sync/runs/:runId/resume': 'operator',
  'POST /api/v1/legacy-sync/runs/:runId/cancel': 'operator',
  'PUT /api/v1/legacy-sync/runs/:runId/max-workers': 'operator',
  'POST /api/v1/legacy-sync/runs/:runId/retry-failed': 'operator',
  'GET /api/v1/legacy-sync/kpis': 'viewer',
  'GET /api/v1/legacy-sync/vehicles': 'viewer',
  'POST /api/v1/legacy-sync/vehicles': 'admin',
  'GET /api/v1/legacy-sync/vehicles/:vehicleId': 'viewer',
  'GET /api/v1/legacy-sync/vehicles/:vehicleId/syncs': 'viewer',
  'GET /api/v1/legacy-sync/vehicles/:vehicleId/track': 'viewer',
  'GET /api/v1/legacy-sync/vehicles/:vehicleId/differences': 'viewer',
  'PUT /api/v1/legacy-sync/vehicles/:vehicleId': 'admin',
  'POST /api/v1/legacy-sync/vehicles/:vehicleId/sync': 'operator',
  'GET /api/v1/legacy-sync/schedules': 'viewer',
  'GET /api/v1/legacy-sync/schedules/:name': 'viewer',
  'PUT /api/v1/legacy-sync/schedules/:name': 'operator',
  'DELETE /api/v1/legacy-sync/schedules/:name': 'operator',
  'POST /api/v1/legacy-sync/schedules/:name/pause': 'operator',
  'POST /api/v1/legacy-sync/schedules/:name/resume': 'operator',
  'GET /api/v1/legacy-sync/servers': 'viewer',
  'POST /api/v1/legacy-sync/servers': 'admin',
  'GET /api/v1/legacy-sync/servers/:serverId': 'viewer',
  'GET /api/v1/legacy-sync/servers/:serverId/checks': 'viewer',
  'GET /api/v1/legacy-sync/servers/:serverId/limit': 'viewer',
  'PUT /api/v1/legacy-sync/servers/:serverId': 'admin',
  'POST /api/v1/legacy-sync/servers/:serverId/test': 'operator',
  'POST /api/v1/legacy-sync/servers/:serverId/close-circuit': 'operator',
  'POST /api/v1/legacy-sync/servers/:serverId/discover-vehicles': 'admin',
  'POST /api/v1/legacy-sync/inspections': 'admin',
  'GET /api/v1/legacy-sync/inspections/:serverId': 'admin',
  'GET /api/v1/legacy-sync/quarantine': 'viewer',
  'GET /api/v1/legacy-sync/quarantine/:id': 'viewer',
  'GET /api/v1/legacy-sync/quarantine/reasons': 'viewer',
  'POST /api/v1/legacy-sync/quarantine/redrive': 'operator',
  'POST /api/v1/legacy-sync/quarantine/redrive-matching': 'operator',
  'POST /api/v1/legacy-sync/reconciliations': 'operator',
  'GET /api/v1/legacy-sync/reconciliations': 'viewer',
  'GET /api/v1/legacy-sync/reconciliations/marked': 'viewer',
  'GET /api/v1/legacy-sync/reconciliations/:reconciliationId': 'viewer',
  'GET /api/v1/legacy-sync/reconciliations/:reconciliationId/vehicles': 'viewer',
  'GET /api/v1/legacy-sync/reconciliations/:reconciliationId/vehicles/:vehicleId/days': 'viewer',
  'POST /api/v1/legacy-sync/reconciliations/:reconciliationId/repair': 'operator',
  'POST /api/v1/legacy-sync/reconciliations/remove-extra': 'admin',
  'GET /api/v1/legacy-sync/rollouts': 'viewer',
  'GET /api/v1/legacy-sync/rollouts/:serverId': 'viewer',
  'POST /api/v1/legacy-sync/rollouts/:serverId': 'admin',
  'POST /api/v1/legacy-sync/rollouts/:serverId/advance': 'operator',
  'POST /api/v1/legacy-sync/rollouts/:serverId/back': 'operator',
  'GET /api/v1/graph': 'viewer',
  'GET /api/v1/graph/versions': 'viewer',
  'GET /api/v1/graph/versions/:version': 'viewer',
  'POST /api/v1/graph/versions/:version/activate': 'operator',
  'POST /api/v1/graph/rollback': 'operator',
  'GET /api/v1/graph/datasets': 'viewer',
  'POST /api/v1/graph/datasets/:version/approve': 'operator',
  'POST /api/v1/graph/datasets/:version/reject': 'operator',
  'GET /api/v1/graph/nodes/:stopId': 'viewer',
  'GET /api/v1/graph/nodes/:stopId/neighbors': 'viewer',
  'GET /api/v1/graph/path': 'viewer',
  'GET /api/v1/graph/network': 'viewer',
  'GET /api/v1/settings': 'viewer',
  'GET /api/v1/settings/:key': 'viewer',
  'PUT /api/v1/settings/:key': 'admin',
};

/** As Fastify has them, whoever registered them. */
async function registeredRoutes(): Promise<string[]> {
  const app = await createApp(
    loadConfig({ FLEETGRAPH_POSTGRES_URL: 'postgres://unused', FLEETGRAPH_REDIS_URL: 'redis://127.0.0.1:1' }),
    createLogger('test', 'silent'),
  );
  const routes: string[] = [];
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRoute', ({ method, url }: { method: string | string[]; url: string }) => {
      for (const each of [method].flat())
        if (!['HEAD', 'OPTIONS'].includes(each)) routes.push(`${each} ${url.replace(/(.)\/$/, '$1')}`);
    });
  await app.init();
  await app.close();
  return [...new Set(routes)];
}

test('every route has its line in the table of who may what, and every line its route', async () => {
  expect((await registeredRoutes()).sort()).toEqual(Object.keys(ACCESS).sort());
});

/** Unknown ids and a body that no endpoint takes: whoever passes is stopped before anything is done. */
const addressOf = (path: string): string =>
  path
    .replace(':runId', '6f0d8f5a-0000-4000-8000-000000000000')
    .replace(':file', 'main.js')
    .replace(/:(workerId|serverId|stopId|key)/, 'nobody')
    .replace(/graph\/versions\/:version/, 'graph/versions/graph-v1')
    .replace(/:(vehicleId|id|version)/, '4711');

async function status(route: string, authorization: string | null): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(`${fixture.api.url}${addressOf(path)}`, {
    method,
    headers: {
      ...(authorization === null ? {} : { authorization }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
    },
    ...(method === 'GET' ? {} : { body: '{"no":{"such":"field"}}' }),
  });
  await response.arrayBuffer();
  return response.status;
}

test.each(Object.entries(ACCESS))('%s: %s', async (route, access) => {
  const needed = access === 'local' ? 'viewer' : access;
  if (needed === 'public') {
    expect(await status(route, null)).toBe(200);
    return;
  }
  expect(await status(route, null)).toBe(401);
  for (const role of ROLES) {
    const answered = await status(route, `Bearer ${fixture.keys[role]}`);
    if (ROLES.indexOf(role) < ROLES.indexOf(needed)) expect({ role, answered }).toEqual({ role, answered: 403 });
    else expect([200, 400, 404, 409, 503]).toContain(answered);
  }
});

test('a method that a path does not have is told to those who may know the path, with those it has', async () => {
  const ask = async (method: string, path: string, as: Role | null = 'viewer') => {
    const { status: answered, headers, body } = await fixture.call(method, path, { as });
    return { answered, allow: headers.get('allow'), code: body.code };
  };
  const allowed = (allow: string) => ({ answered: 405, allow, code: 'MethodNotAllowed' });
  const unknown = { answered: 404, allow: null, code: 'NotFound' };
  expect(await ask('DELETE', '/api/v1/workers?limit=1')).toEqual(allowed('GET, HEAD'));
  expect(await ask('GET', '/api/v1/workers/graph-builder/execute')).toEqual(allowed('POST'));
  expect(await ask('PATCH', '/api/v1/legacy-sync/servers/depot')).toEqual(allowed('GET, HEAD, PUT'));
  expect(await ask('DELETE', '/api/v1/legacy-sync/quarantine/redrive')).toEqual(allowed('GET, HEAD, POST'));
  expect(await ask('POST', '/health/live', null)).toEqual(allowed('GET, HEAD'));
  // Nobody learns of a path by a method that it has not.
  expect(await ask('DELETE', '/api/v1/workers', null)).toEqual(unknown);
  expect(await ask('PUT', '/api/v1/workers/graph-builder', 'admin')).toEqual(unknown);
  const headers = { authorization: `Bearer ${fixture.keys.viewer}` };
  expect((await fetch(`${fixture.api.url}/api/v1/settings`, { method: 'HEAD', headers })).status).toBe(200);
  const forged = await fetch(`${fixture.api.url}/api/v1/workers`, {
    method: 'DELETE',
    headers: { authorization: `Bearer aaaaaaaaaaaa.${'A'.repeat(43)}` },
  });
  expect(forged.status).toBe(404);
});

test('nothing of all that was done', async () => {
  expect((await fixture.audited()).filter((action) => !action.startsWith('api-key.'))).toEqual([]);
});

test('a key that is forged, expired or revoked is none', async () => {
  const { pool } = fixture.fleet;
  const settings = async (key: string): Promise<number> => status('GET /api/v1/settings', `Bearer ${key}`);
  const mine = await createApiKey(pool, {
    name: 'mine',
    role: 'viewer',
    actor: 'test',
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  expect(await settings(mine.key)).toBe(200);
  const [id, secret = ''] = mine.key.split('.');
  expect(await settings(`${id}.${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`)).toBe(401);
  await pool.query(`UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1`, [mine.id]);
  await eventually(async () => expect(await settings(mine.key)).toBe(401));
  expect(await settings(`aaaaaaaaaaaa.${'A'.repeat(43)}`)).toBe(401);
  const other = await createApiKey(pool, { name: 'other', role: 'admin', actor: 'test' });
  // The keys were read for the one before a moment ago: that a new one is not among them says nothing.
  expect(await settings(other.key)).toBe(200);
  await revokeApiKey(pool, other.id, { actor: 'test', reason: 'lost' });
  await eventually(async () => expect(await settings(other.key)).toBe(401));
  const stored = await pool.query('SELECT api_keys::text AS row FROM api_keys');
  expect(JSON.stringify(stored.rows)).not.toContain(secret);
});

test('who guesses keys is slowed down; a good key from the same address is not', async () => {
  const api = await startApiProcess(fixture.environment);
  try {
    const ask = async (authorization: string, method = 'GET'): Promise<number> =>
      (await fetch(`${api.url}/api/v1/session`, { method, headers: { authorization } })).status;
    const guesses = ['Basic dGVzdDp0ZXN0', `Bearer aaaaaaaaaaaa.${'A'.repeat(43)}`, `Bearer ${'x'.repeat(5_000)}`];
    // What a path does not take is no way round the count.
    for (let n = 0; n < 30; n++) expect(await ask(guesses[n % 3]!, 'DELETE')).toBe(404);
    const answers: number[] = [];
    for (let n = 0; n < 36; n++) answers.push(await ask(guesses[n % 3]!));
    expect(answers).toEqual([...Array<number>(30).fill(401), ...Array<number>(6).fill(429)]);
    expect(await ask(`Bearer ${fixture.keys.viewer}`)).toBe(200);
  } finally {
    await api.kill();
  }
});

test('the command makes, lists and revokes keys', async () => {
  const made = await fixture.fleet.cli(
    'api-keys',
    'create',
    'night shift',
    '--role',
    'operator',
    '--expires-in-days',
    '30',
  );
  const key = made.stdout.trim();
  expect(key).toMatch(/^[a-z0-9]{12}\.[A-Za-z0-9_-]{43}$/);
  const id = key.split('.')[0]!;
  expect((await fixture.fleet.cli('api-keys', 'list')).stdout).toMatch(
    new RegExp(`${id} +night shift +operator .* in force`),
  );
  await fixture.fleet.cli('api-keys', 'revoke', id, '--reason', 'shift is over');
  expect((await fixture.fleet.cli('api-keys', 'list')).stdout).toMatch(new RegExp(`${id} .* revoked`));
  expect((await fixture.fleet.cli('api-keys', 'revoke', id)).stderr).toContain('NotFound');
});

test('the audit log is read page by page, the latest first, each entry once', async () => {
  const { rows } = await fixture.fleet.pool.query<{ id: string }>(
    `INSERT INTO audit_log (actor, action, subject) SELECT 'test', 'page.turned', n::text FROM generate_series(1, 110) n RETURNING id`,
  );
  const read: string[] = [];
  let after = '';
  do {
    const { body } = await fixture.get(`/api/v1/audit?action=page.turned&limit=50${after}`);
    read.push(...body.entries.map(({ id }: { id: string }) => id));
    after = body.next === null ? '' : `&after=${body.next}`;
  } while (after !== '');
  expect(read).toEqual(rows.map(({ id }) => id).toReversed());
});

test('the key is told who it is', async () => {
  const { body } = await fixture.get('/api/v1/session', { as: 'operator' });
  expect(body).toMatchObject({
    key: { name: 'test operator', role: 'operator' },
    temporal: { namespace: fixture.fleet.namespace },
  });
});

test('what is no request of ours is refused by its shape', async () => {
  const start = '/api/v1/legacy-sync/runs';
  expect(await fixture.post(start, '{"selection":')).toMatchObject({ status: 400, body: { code: 'InvalidRequest' } });
  expect(await fixture.post(start, { reason: 'x'.repeat(70_000) })).toMatchObject({
    status: 413,
    body: { code: 'InvalidRequest' },
  });
  expect(await fixture.post(start, 'selection=all', { headers: { 'content-type': 'text/plain' } })).toMatchObject({
    status: 415,
  });
  expect(await fixture.get('/api/v1/settings?color=red')).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'query.color', rule: 'unknown_field' }] },
  });
  for (const address of ['settings/%ZZ', `settings/${'x'.repeat(501)}`]) {
    expect(await fixture.get(`/api/v1/${address}`)).toMatchObject({ body: { code: 'InvalidRequest' } });
  }
  const nul = { field: expect.any(String), rule: 'nul_character', message: 'holds the character U+0000' };
  for (const refused of [
    await fixture.get('/api/v1/audit?actor=%00'),
    await fixture.post(start, { reason: 'a\0b' }),
    await fixture.post('/api/v1/legacy-sync/servers', { columns: { attributes: { 'a\0b': 'c' } } }),
  ]) {
    expect(refused).toMatchObject({ status: 400, body: { errors: expect.arrayContaining([nul]) } });
  }
  expect(await fixture.get('/api/v2/workers')).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  const { headers } = await fixture.get('/api/v1/session');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
});

test.each([
  ['what is no request', 'HELLO\r\n\r\n', 400],
  ['a head beyond 16 KiB', `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('%s, which no route sees, is answered in the shape of the others', async (_what, sent, status) => {
  const { hostname, port } = new URL(fixture.api.url);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  socket.write(sent);
  const answer = (await socket.toArray()).join('');
  const [head, body] = answer.split('\r\n\r\n') as [string, string];
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*content-type: application/problem\\+json`));
  expect(JSON.parse(body)).toMatchObject({ success: false, code: 'InvalidRequest', status, error: expect.any(String) });
  expect((await fixture.get('/health/live')).status).toBe(200);
});

test('a key has its rate, and another key its own', async () => {
  const api = await startApiProcess({ ...fixture.environment, FLEETGRAPH_API_RATE_PER_MINUTE: '3' });
  try {
    const ask = (role: Role) =>
      fetch(`${api.url}/api/v1/session`, { headers: { authorization: `Bearer ${fixture.keys[role]}` } });
    for (let n = 0; n < 3; n++) expect((await ask('viewer')).status).toBe(200);
    const refused = await ask('viewer');
    expect({ status: refused.status, code: ((await refused.json()) as { code: string }).code }).toEqual({
      status: 429,
      code: 'RateLimited',
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask('admin')).status).toBe(200);
  } finally {
    expect(await api.stop()).toBe(0);
  }
});

const checkedIn = (): string => readFileSync(join(checkoutDir(), 'openapi.json'), 'utf8');

test('openapi.json is what the API says of itself; `npm run openapi` writes it', async () => {
  const { body } = await fixture.get('/docs/openapi.json', { as: null });
  expect(body).toEqual(JSON.parse(checkedIn()));
  expect(body.openapi).toBe('3.1.0');
});

test('openapi.json is a clean OpenAPI 3.1', async () => {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // The spec's own paths: the router prefers the literal part, and no worker is called `runs` or `pipeline`.
      'no-ambiguous-paths': 'off',
      // A public page without parameters refuses nothing.
      'operation-4xx-response': 'off',
    },
  });
  const problems = await lintFromString({ source: checkedIn(), config });
  expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`)).toEqual(
    [],
  );
});

test('the page /docs needs nothing from elsewhere', async () => {
  const { body } = await fixture.get('/docs', { as: null });
  const parts = [...(body as string).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!);
  expect(parts).toHaveLength(3);
  for (const part of parts) expect(await fixture.get(part, { as: null })).toMatchObject({ status: 200 });
});
