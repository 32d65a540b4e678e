import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordLineSpeed } from '../../../src/records/line-speeds.ts';
import { recordLimitChange } from '../../../src/records/limit-changes.ts';
import type { Role } from '../../../src/records/api-keys.ts';
import { eventually } from '../../support/eventually.ts';
import { SERVER_ID } from '../../support/fleet.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';

const SERVERS = '/api/v1/legacy-sync/servers';
const VEHICLES = '/api/v1/legacy-sync/vehicles';

let fixture: ApiFixture;
let vehicleId: string;

beforeAll(async () => {
  fixture = await openApi();
  [vehicleId] = (await fixture.fleet.addVehicles(1, { rows: 50, idStep: 5_000 })) as [string];
  await fixture.fleet.set({ 'worker_pool.claim_poll_ms': 100 });
  await startSyncWorker(fixture);
}, 120_000);
afterAll(() => fixture?.close());

/** Syncs new rows of the vehicle; the answer is how that ended for it. */
async function syncMore(): Promise<string> {
  await fixture.fleet.addRows(vehicleId, 3);
  const { runId } = (await fixture.post(`${VEHICLES}/${vehicleId}/sync`)).body;
  await untilRunEnded(fixture, runId);
  const [vehicle] = (await fixture.get(`/api/v1/legacy-sync/runs/${runId}/vehicles`)).body.vehicles;
  return vehicle.error?.code ?? vehicle.status;
}

test('legacy servers are shown without secrets, added, changed and tested', async () => {
  const { server } = (await fixture.get(`${SERVERS}/${SERVER_ID}`)).body;
  expect(server).toMatchObject({ id: SERVER_ID, privateKeyRef: expect.stringMatching(/^file:/) });
  expect((await fixture.get(SERVERS)).body).toMatchObject({
    count: 1,
    servers: [
      { id: SERVER_ID, circuit: { state: 'closed' }, places: { inFlight: 0, limit: 8, fixedLimit: 8, reason: null } },
    ],
  });

  const { check } = (await fixture.post(`${SERVERS}/${SERVER_ID}/test`)).body;
  expect(check).toMatchObject({
    ok: true,
    failure: null,
    steps: [
      expect.stringMatching(/^logged in as /),
      expect.stringMatching(/new rows/),
      // They are among 250,000 ids, as those of one vehicle in a table of thousands.
      expect.stringMatching(/^read 50 of the newest rows/),
    ],
  });

  const second = { ...server, id: 'second', hostKeyFingerprints: [`SHA256:${'A'.repeat(43)}`] };
  expect((await fixture.post(SERVERS, { ...second, reason: 'a second depot' })).status).toBe(201);
  expect(await fixture.post(SERVERS, second)).toMatchObject({ status: 409 });
  const strange = (await fixture.post(`${SERVERS}/second/test`)).body.check;
  expect(strange).toMatchObject({ ok: false, failure: { code: 'HostKeyMismatch' } });
  expect(await fixture.put(`${SERVERS}/second`, { ...second, port: 0, database: 'a`b' })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.port' }, { field: 'body.database' }] },
  });
  expect((await fixture.put(`${SERVERS}/second`, { ...second, timeZone: 'Moon/Base' })).body.errors).toMatchObject([
    { field: 'body.timeZone', rule: 'time_zone' },
  ]);
  expect(await fixture.put(`${SERVERS}/second`, { ...second, host: '-v', remoteDirectory: '/' })).toMatchObject({
    status: 400,
    body: {
      errors: [
        { field: 'body.host' },
        { field: 'body.remoteDirectory', message: expect.stringContaining('a folder below') },
      ],
    },
  });
  expect((await fixture.put(`${SERVERS}/second`, { ...second, mysqlUser: 'other' })).body.server.mysqlUser).toBe(
    'other',
  );
  expect(await fixture.put(`${SERVERS}/third`, second)).toMatchObject({ status: 404 });
});

test('a server whose vehicles were synced is not pointed at other rows, by address or by command', async () => {
  expect(await syncMore()).toBe('completed');
  const { server } = (await fixture.get(`${SERVERS}/${SERVER_ID}`)).body;
  const refused = await fixture.put(`${SERVERS}/${SERVER_ID}`, { ...server, database: 'elsewhere' });
  expect(refused).toMatchObject({
    status: 400,
    body: { code: 'InvalidConfiguration', error: expect.stringContaining(`synced from database ${server.database}`) },
  });
  const file = join(fixture.fleet.stagingDir, '..', 'server.json');
  writeFileSync(file, JSON.stringify({ ...server, columns: { ...server.columns, id: 'uid' } }));
  expect(await fixture.fleet.cli('servers', 'put', file)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`synced from database ${server.database} by id column id`),
  });
  expect((await fixture.get(`${SERVERS}/${SERVER_ID}`)).body.server).toEqual(server);
});

test('how many may be in flight at a server is told with the reason for each change, by API and command', async () => {
  const read = (as: Role = 'viewer', id = SERVER_ID) => fixture.get(`${SERVERS}/${id}/limit`, { as });
  expect((await read()).body).toMatchObject({ limit: 8, fixedLimit: 8, inFlight: 0, adaptive: null, changes: [] });
  expect(await read('viewer', 'nowhere')).toMatchObject({ status: 404 });
  await fixture.fleet.set({ 'adaptive.enabled': true });
  const change = { from: 1, to: 2, reason: '1 in flight were no slower than fewer', runId: randomUUID() };
  await recordLimitChange(fixture.fleet.pool, { serverId: SERVER_ID, ...change });
  expect((await read()).body).toMatchObject({
    limit: 1,
    fixedLimit: 8,
    adaptive: { phase: 'growing', reason: change.reason },
    changes: [change],
  });
  const { stdout } = await fixture.fleet.cli('pool', SERVER_ID);
  expect(stdout).toMatch(new RegExp(`${SERVER_ID} +closed +growing +0 +1 +8`));
  expect(stdout).toContain('1 → 2');
  expect(stdout).toContain(change.reason);
  expect(await fixture.fleet.cli('pool', 'nowhere')).toMatchObject({ status: 1 });
  await fixture.fleet.set({ 'adaptive.enabled': false });
});

test('a worker checks each server at its interval while nothing runs, and API, command and doctor tell what it found', async () => {
  const read = (id: string) => fixture.get(`${SERVERS}/${id}/checks`, { as: 'viewer' });
  expect(await read('nowhere')).toMatchObject({ status: 404 });
  await fixture.fleet.set({ 'server.check_interval_ms': 1_000 });
  await eventually(
    async () => {
      expect((await read(SERVER_ID)).body.checks[0]).toMatchObject({ failure: null });
      expect((await read('second')).body.checks[0]).toMatchObject({ failure: { code: 'HostKeyMismatch' } });
    },
    { withinMs: 30_000, everyMs: 500 },
  );
  await fixture.fleet.set({ 'server.check_interval_ms': 300_000 });
  const { servers } = (await fixture.get(SERVERS)).body;
  const lastOf = (id: string) => servers.find((server: { id: string }) => server.id === id).lastCheck;
  expect(lastOf(SERVER_ID)).toMatchObject({ durationMs: expect.any(Number), failure: null, failingSince: null });
  expect(lastOf('second').failingSince).toBe((await read('second')).body.checks.at(-1).checkedAt);
  expect((await fixture.fleet.cli('servers', 'checks', SERVER_ID)).stdout).toMatch(/Z +\d+ ms +answered/);
  expect((await fixture.fleet.cli('doctor')).stdout).toMatch(/health check of second[^]*fails since .*HostKeyMismatch/);
}, 60_000);

test('what a transfer gets of the line is told by API and command, once one was large enough to say', async () => {
  const lineOf = async () =>
    (await fixture.get(SERVERS)).body.servers.find(({ id }: { id: string }) => id === SERVER_ID).line;
  expect(await lineOf()).toBeNull();
  expect((await fixture.fleet.cli('pool', SERVER_ID)).stdout).toContain('not measured yet');
  await recordLineSpeed(fixture.fleet.pool, SERVER_ID, 12_300_000);
  expect(await lineOf()).toEqual({ bytesPerSecond: 12_300_000, measuredAt: expect.any(String) });
  expect((await fixture.fleet.cli('pool', SERVER_ID)).stdout).toContain('12.3 MB/s');
});

test('the circuit of a server that was mended is closed by hand, with a reason', async () => {
  const close = (as: Role, id = SERVER_ID) =>
    fixture.post(`${SERVERS}/${id}/close-circuit`, { reason: 'the new key is installed' }, { as });
  expect(await close('operator')).toMatchObject({ status: 409, body: { code: 'WrongState' } });
  const right = fixture.fleet.server;
  await fixture.fleet.changeServer({ hostKeyFingerprints: [`SHA256:${'A'.repeat(43)}`] });
  expect(await syncMore()).toBe('HostKeyMismatch');
  expect((await fixture.get(SERVERS)).body.servers).toContainEqual(
    expect.objectContaining({
      id: SERVER_ID,
      circuit: { state: 'held', failures: 0, openings: 0, code: 'HostKeyMismatch' },
    }),
  );
  expect(await syncMore()).toBe('CircuitOpen');

  await fixture.fleet.changeServer({ hostKeyFingerprints: right.hostKeyFingerprints });
  expect(await close('operator', 'nowhere')).toMatchObject({ status: 404 });
  expect(await fixture.post(`${SERVERS}/${SERVER_ID}/close-circuit`)).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.reason' }] },
  });
  expect((await close('operator')).body.server).toMatchObject({
    id: SERVER_ID,
    circuit: { state: 'closed', code: null },
  });
  expect((await fixture.get('/api/v1/audit?action=breaker.closed')).body.entries).toMatchObject([
    {
      actor: 'test operator',
      subject: SERVER_ID,
      reason: 'the new key is installed',
      details: { from: { state: 'held' } },
    },
  ]);
  expect(await syncMore()).toBe('completed');
});

test('every act stands in the audit log', async () => {
  const acts = ['server.created', 'server.changed', 'server.tested', 'breaker.closed'];
  expect(await fixture.audited()).toEqual(expect.arrayContaining(acts));
});
