import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createCheckServers } from '../../../../src/activities/legacy-sync/legacy-host/check-servers.ts';
import { insertLegacyServer, updateLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { insertVehicle } from '../../../../src/records/vehicles.ts';
import { readLastChecks, readServerChecks } from '../../../../src/records/server-checks.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { silentLogger } from '../../../connections/ssh/ssh-fixture.ts';
import { type FaultProxy, startFaultProxy } from '../../../support/fault-proxy.ts';
import { fleetDatabase, fleetOf, slotOf, startRun } from '../../../support/fleet-fixture.ts';
import { sharedStack } from '../../../support/stack.ts';
import { type LegacyHostFixture, legacyHostFixture } from './legacy-host-fixture.ts';

const pool = fleetDatabase();
let fixture: LegacyHostFixture;
let link: FaultProxy;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  const { host, port } = sharedStack().ssh;
  link = await startFaultProxy({ host, port });
});
beforeEach(() => insertLegacyServer(pool(), fixture.server).then(() => undefined));
afterAll(async () => {
  await link.close();
  await fixture.close();
});

/** As a worker does it when its interval has passed; it takes `checkIntervalMs` for long past. */
const check = (checkIntervalMs = 60_000) =>
  createCheckServers({
    pool: pool(),
    legacyHosts: fixture.hosts,
    settings: () => ({ ...defaultSettings(), checkIntervalMs }),
    logger: silentLogger,
    patienceMs: 1_500,
  })(new AbortController().signal);
const makeDue = () =>
  pool().query(`UPDATE legacy_servers SET updated_at = updated_at - interval '1 hour';
    UPDATE server_checks SET checked_at = checked_at - interval '1 hour'`);
const found = async () =>
  (await readServerChecks(pool(), { serverId: 'depot', limit: 10 })).map(({ failure }) => failure?.code ?? 'answered');

const lastCheck = async (checkIntervalMs = 60_000) =>
  (await readLastChecks(pool(), { checkIntervalMs }, 'depot')).get('depot');

test('a server is checked when its interval is over, once by however many look, and never with an interval of 0', async () => {
  await check();
  expect(await found()).toEqual([]);
  await makeDue();
  await check(0);
  expect(await found()).toEqual([]);
  await Promise.all([check(), check(), check()]);
  expect(await found()).toEqual(['answered']);
  const [row] = await readServerChecks(pool(), { serverId: 'depot', limit: 1 });
  expect(row!.durationMs).toBeGreaterThan(0);
  expect(Date.now() - row!.checkedAt.getTime()).toBeLessThan(60_000);
  await check();
  expect(await found()).toEqual(['answered']);
});

test('what fails is named, since the first check that failed, until one is answered', async () => {
  await makeDue();
  await updateLegacyServer(pool(), { ...fixture.server, mysqlPort: 1 });
  for (let checks = 0; checks < 2; checks++) {
    await makeDue();
    await check();
  }
  expect(await found()).toEqual(['LegacyDatabaseUnavailable', 'LegacyDatabaseUnavailable']);
  const [newest, first] = await readServerChecks(pool(), { serverId: 'depot', limit: 2 });
  const failing = (await lastCheck())!;
  expect(failing).toMatchObject({ checkedAt: newest!.checkedAt, failingSince: first!.checkedAt });
  expect(failing.failure?.message).toMatch(/Asking MySQL at 127\.0\.0\.1:1 on depot/);
  expect(await lastCheck(0)).toBeUndefined();
  await updateLegacyServer(pool(), fixture.server);
  // What was found of it as it was before is no news.
  expect(await lastCheck()).toBeUndefined();
  await makeDue();
  await check();
  expect(await lastCheck()).toMatchObject({ failure: null, failingSince: null });
});

test('a refused login is not tried again with each interval, nor while the circuit is held; a changed server is', async () => {
  const stranger = [`SHA256:${'A'.repeat(43)}`];
  await updateLegacyServer(pool(), { ...fixture.server, hostKeyFingerprints: stranger });
  await makeDue();
  await check();
  expect(await found()).toEqual(['HostKeyMismatch']);
  await pool().query("UPDATE server_checks SET checked_at = checked_at - interval '11 minutes'");
  await check();
  expect(await found()).toHaveLength(1);
  await pool().query("UPDATE server_checks SET checked_at = checked_at - interval '2 minutes'");
  await check();
  expect(await found()).toEqual(['HostKeyMismatch', 'HostKeyMismatch']);

  await updateLegacyServer(pool(), fixture.server);
  await pool().query(`UPDATE legacy_servers SET updated_at = updated_at - interval '2 minutes';
    UPDATE server_checks SET checked_at = checked_at - interval '3 minutes';
    UPDATE legacy_server_state SET breaker = '{"state": "held", "code": "HostKeyMismatch"}'`);
  await check();
  expect(await found()).toHaveLength(2);
  await pool().query(`UPDATE legacy_server_state SET breaker = '{"state": "closed", "failures": 0}'`);
  await check();
  expect(await found()).toEqual(['answered', 'HostKeyMismatch', 'HostKeyMismatch']);
});

test('no answer in time is a failed check, unless a sync has the server’s sessions', async () => {
  const bus = { id: '1', label: 'bus 1', serverId: 'depot', table: 'gps', legacyVehicleId: '1' };
  await insertVehicle(pool(), bus, fixture.server);
  const runId = await startRun(fleetOf(pool()));
  await slotOf(fleetOf(pool()), runId, 1).claim();
  await updateLegacyServer(pool(), { ...fixture.server, host: link.host, port: link.port });
  link.set({ kind: 'blackhole' });
  await makeDue();
  await check();
  expect(await found()).toEqual([]);
  await pool().query('DELETE FROM vehicle_syncs');
  await check();
  expect(await found()).toEqual(['SshUnreachable']);
  expect((await lastCheck())?.failure?.message).toMatch(/not answered within 1.5 s/);
  link.set({ kind: 'pass' });
});
