import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import { type Stack, startStack } from '../../../../src/stack/stack.ts';
import { type Certificates, makeCertificates } from '../../../support/certificates.ts';
import { fillGps, type LegacyHostFixture, legacyHostFixture, vehicle } from './legacy-host-fixture.ts';

const ROWS = 1_000;
/** The login of the legacy host reads certificates, and the server its key, which is of this test alone. */
const READABLE = 0o755;

let folder: string;
let certificates: Certificates;
let stack: Stack;
let fixture: LegacyHostFixture;

/** The fixture's MySQL is a server of this test's own, which lets the fixture's user in by TLS alone. */
beforeAll(async () => {
  folder = mkdtempSync('/var/tmp/fleetgraph-tls-');
  chmodSync(folder, READABLE);
  certificates = makeCertificates(join(folder, 'certificates'), 'IP:127.0.0.1');
  chmodSync(join(folder, 'certificates'), READABLE);
  for (const file of [certificates.server.key, certificates.server.crt, certificates.authority])
    chmodSync(file, READABLE);
  stack = await startStack({
    stateDir: join(folder, 'stack'),
    from: 'binaries',
    servers: ['mariadb'],
    mariadbArguments: [
      `--ssl-ca=${certificates.authority}`,
      `--ssl-cert=${certificates.server.crt}`,
      `--ssl-key=${certificates.server.key}`,
    ],
  });
  fixture = await legacyHostFixture({ mysqlPort: stack.mariadb.port }, stack.mariadb);
  await fillGps(fixture.database, ROWS);
  await runMariadb(stack.mariadb, `ALTER USER '${fixture.database.user}'@'127.0.0.1' REQUIRE SSL`);
}, 90_000);

afterAll(async () => {
  await fixture?.close();
  await stack?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const hostBy = (mysqlTls: string) => fixture.hosts.of({ ...fixture.server, mysqlTls });
const plan = (mysqlTls: string) =>
  hostBy(mysqlTls).plan({
    vehicles: [{ vehicle: vehicle(1), fromId: '0', seen: null }],
    countCap: 10_000,
    signal: new AbortController().signal,
  });
const range = { vehicle: vehicle(1), tableColumns: [], cursor: '0', frozenTo: String(ROWS) };

describe.each([
  ['required', () => 'required'],
  ['the CA that signed the server’s certificate', () => `ca:${certificates.authority}`],
])('%s', (_name, mysqlTls) => {
  test('plans, exports and streams', async () => {
    const { vehicles } = await plan(mysqlTls());
    expect(vehicles).toEqual([expect.objectContaining({ newRows: ROWS })]);
    const host = hostBy(mysqlTls());
    const runId = `tls-${mysqlTls().slice(0, 2)}`;
    expect(await host.exportToFile({ ...range, runId, rangeRows: null })).toMatchObject({ rows: ROWS });
    await host.removeFiles({ vehicleId: '1', runId });
    const streamed = await host.streamDump({ ...range, runId, overlapIds: 0, newRows: ROWS });
    expect(streamed?.manifest).toMatchObject({ toId: String(ROWS) });
  });
});

test.each([
  ['off, where the user has to come by TLS', () => 'off', /Access denied|1045/],
  ['a CA that has not signed it', () => `ca:${certificates.stranger.crt}`, /error 2026\. .*TLS.*mysqlTls/],
])('%s is refused', async (_name, mysqlTls, message) => {
  await expect(plan(mysqlTls())).rejects.toMatchObject({ message: expect.stringMatching(message) });
});
