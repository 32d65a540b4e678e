import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { SERVER_ID } from '../../support/fleet.ts';
import { type ApiFixture, openApi, startSyncWorker } from '../../support/fleet-api.ts';
import type { FleetWorker } from '../../support/fleet-worker.ts';
import { type TraccarDepot, openTraccarDepot } from '../../support/traccar-depot.ts';

const INSPECTIONS = '/api/v1/legacy-sync/inspections';
const SERVERS = '/api/v1/legacy-sync/servers';

let fixture: ApiFixture;
let depot: TraccarDepot;
let worker: FleetWorker;

beforeAll(async () => {
  fixture = await openApi();
  await fixture.fleet.addVehicles(1, { rows: 10 });
  depot = await openTraccarDepot(fixture.fleet.stack);
}, 120_000);
afterAll(async () => {
  await depot?.database.drop();
  await fixture?.close();
});

const inspect = async (more: object = {}) =>
  (await fixture.post(INSPECTIONS, { id: 'traccar', ...depot.login, ...more })).body;
const fingerprints = () => ({ hostKeyFingerprints: [fixture.fleet.stack.ssh.hostKeyFingerprint] });
const vehiclesOf = async (serverId: string): Promise<{ id: string; label: string }[]> =>
  (await fixture.get(`/api/v1/legacy-sync/vehicles?serverId=${serverId}`)).body.vehicles;

test('a secret in the place of a reference is refused before it is kept anywhere, and not told again', async () => {
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'c2VjcmV0'.repeat(8)}`;
  const refused = await fixture.post(INSPECTIONS, {
    ...depot.login,
    privateKeyRef: key,
    mysqlPasswordRef: 'Tr0ub4dor',
  });
  expect(refused).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'body.privateKeyRef' }, { field: 'body.mysqlPasswordRef' }] },
  });
  expect(JSON.stringify(refused.body)).not.toMatch(/c2VjcmV0|Tr0ub4dor/);
  expect(await fixture.audited()).not.toContain('server.inspected');
});

test('without a worker nothing is looked at: this process has neither the keys nor the way', async () => {
  expect(await inspect()).toMatchObject({ success: false, code: 'NoWorker' });
  worker = await startSyncWorker(fixture);
}, 60_000);

test('without a fingerprint the host’s key is told and nothing is sent; the id is made of the host', async () => {
  const { serverId, inspection } = await inspect({ id: undefined });
  expect(serverId).toBe(depot.login.host.replaceAll('.', '-'));
  expect(inspection).toMatchObject({
    outcome: 'compare-host-key',
    hostKey: fixture.fleet.stack.ssh.hostKeyFingerprint,
    steps: [],
    found: [],
    proposal: null,
  });
});

test('a login leads to a mapping, rows as they would arrive, and what would hurt; the answer can be read again', async () => {
  const { inspection } = await inspect(fingerprints());
  expect(inspection).toMatchObject({
    outcome: 'inspected',
    failure: null,
    steps: [
      expect.stringMatching(/^logged in as /),
      expect.stringMatching(/^MySQL /),
      'one group of tables looks like positions',
      expect.stringMatching(/^read \d+ rows of .*tc_positions along its indexes/),
    ],
    found: [
      {
        database: depot.database.name,
        table: 'tc_positions',
        system: 'traccar',
        layout: 'shared',
        tables: 1,
        columns: expect.arrayContaining(['deviceid int(11)', 'latitude double']),
        indexes: expect.arrayContaining(['PRIMARY (id), unique']),
      },
    ],
    proposal: {
      server: { id: 'traccar', database: depot.database.name, columns: { vehicle: 'deviceid', time: 'fixtime' } },
      told: expect.arrayContaining([expect.stringMatching(/speed is in knots/)]),
      hurts: expect.arrayContaining([
        expect.stringContaining('CREATE INDEX `fleetgraph` ON `tc_positions` (`deviceid`, `id`)'),
      ]),
    },
  });
  expect(inspection.proposal.rows).toHaveLength(5);
  const again = (await fixture.get(`${INSPECTIONS}/traccar`)).body;
  expect(again).toMatchObject({ serverId: 'traccar', running: false, inspection });
  expect(await fixture.get(`${INSPECTIONS}/nobody`)).toMatchObject({ status: 404 });
});

test('what is proposed is saved as it is, its vehicles are told, and added when that is asked for', async () => {
  const { server } = (await inspect(fingerprints())).inspection.proposal;
  expect((await fixture.post(SERVERS, server)).status).toBe(201);
  const discover = async (body: object) =>
    (await fixture.post(`${SERVERS}/traccar/discover-vehicles`, body)).body.discovery;
  const told = await discover({});
  expect(told).toMatchObject({ failure: null, vehicles: 3, freshCount: 3, missing: [], added: 0 });
  expect(told.fresh).toContainEqual({ label: 'Bus 14', table: 'tc_positions', legacyVehicleId: '1' });
  expect(await vehiclesOf('traccar')).toEqual([]);

  expect(await discover({ add: true, reason: 'they drive' })).toMatchObject({ freshCount: 3, added: 3 });
  expect((await vehiclesOf('traccar')).map(({ label }) => label).sort()).toEqual(['Bus 14', 'Bus 15', 'Bus 16']);
  expect(await discover({ add: true })).toMatchObject({ freshCount: 0, added: 0 });
  const { entries } = (await fixture.get('/api/v1/audit?action=vehicle.created')).body;
  expect(entries).toHaveLength(3);
  expect(entries[0]).toMatchObject({ actor: 'test admin', reason: 'they drive' });

  await fixture.fleet.pool.query(`UPDATE vehicles SET legacy_vehicle_id = '77' WHERE label = 'Bus 16'`);
  const { missing, fresh } = await discover({});
  expect([missing, fresh]).toEqual([
    [expect.objectContaining({ label: 'Bus 16', legacyVehicleId: '77' })],
    [{ label: 'Bus 16', table: 'tc_positions', legacyVehicleId: '3' }],
  ]);
  expect(await fixture.post(`${SERVERS}/nobody/discover-vehicles`, {})).toMatchObject({ status: 404 });
});

test('what stops the way is an answer, with the steps before it; a server of the same id keeps its connections', async () => {
  const wrong = { ...fingerprints(), id: SERVER_ID };
  expect((await inspect({ ...wrong, mysqlPasswordRef: 'file:/nowhere/password' })).inspection).toMatchObject({
    outcome: 'failed',
    failure: { code: 'SecretUnavailable', message: expect.stringContaining('file:/nowhere/password: ENOENT') },
    steps: [expect.stringMatching(/^logged in as /)],
  });
  expect((await inspect({ ...wrong, hostKeyFingerprints: [`SHA256:${'A'.repeat(43)}`] })).inspection).toMatchObject({
    outcome: 'failed',
    failure: { code: 'HostKeyMismatch' },
    steps: [],
  });
  expect((await inspect({ ...wrong, database: 'nowhere' })).inspection.failure).toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringContaining('there is no database nowhere'),
  });
  expect((await fixture.post(`${SERVERS}/${SERVER_ID}/test`)).body.check).toMatchObject({ ok: true });
  await fixture.fleet.changeServer({ mysqlPasswordRef: 'file:/nowhere/password' });
  expect(await fixture.post(`${SERVERS}/${SERVER_ID}/discover-vehicles`, {})).toMatchObject({
    status: 200,
    body: { discovery: { failure: { code: 'SecretUnavailable' }, vehicles: 0, added: 0 } },
  });
});

test('no secret is in a history, the audit log or a log; the references are', async () => {
  const { fleet, api } = fixture;
  const histories = await Promise.all(
    ['server-inspection/traccar', 'vehicle-discovery/traccar'].map(async (id) =>
      decoded(historyToJSON(await fleet.client.workflow.getHandle(id).fetchHistory())),
    ),
  );
  const { rows: audit } = await fleet.pool.query('SELECT * FROM audit_log');
  const kept = [...histories, JSON.stringify(audit)];
  for (const each of [histories[0], kept.at(-1)]) expect(each).toContain(depot.database.passwordRef);
  const key = readFileSync(fleet.stack.ssh.privateKeyFile, 'utf8').split('\n')[1]!;
  for (const text of [...kept, worker.log(), api.log()])
    for (const secret of [depot.database.password, key, Buffer.from(depot.database.password).toString('base64')])
      expect(text).not.toContain(secret);
  expect(await fixture.audited()).toEqual(expect.arrayContaining(['server.inspected', 'vehicle.discovered']));
});

/** Payloads stand in histories as base64. */
const decoded = (history: string): string =>
  history.replaceAll(/"data": ?"([A-Za-z0-9+/=]+)"/g, (_whole, data: string) => Buffer.from(data, 'base64').toString());
