import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Certificates, SERVER_NAME, makeCertificates } from '../support/certificates.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type TlsFront, startTlsFront } from '../support/tls-front.ts';

const API_KEY = 'api-key-of-the-test';

/**
 * Temporal's own environment configuration, and nothing else, tells worker, command line and `temporal` where Temporal is: the fleet's
 * environment has no TEMPORAL_ADDRESS, and the servers let in only who shows a certificate, or a key.
 */
let fleet: Fleet;
let certificates: Certificates;
let withCertificate: TlsFront;
let withKey: TlsFront;

beforeAll(async () => {
  fleet = await openFleet();
  const folder = join(fleet.stagingDir, '..');
  certificates = makeCertificates(join(folder, 'certificates'));
  const { address } = fleet.stack.temporal;
  withCertificate = await startTlsFront(address, certificates, { clientCertificate: true });
  withKey = await startTlsFront(address, certificates, { apiKey: API_KEY });
  const file = join(folder, 'temporal.toml');
  const { authority, client, stranger } = certificates;
  writeFileSync(
    file,
    `${profile('mtls', withCertificate)}
[profile.mtls.tls]
server_name = "${SERVER_NAME}"
server_ca_cert_path = "${authority}"
client_cert_path = "${client.crt}"
client_key_path = "${client.key}"
${profile('stranger', withCertificate)}
[profile.stranger.tls]
server_name = "${SERVER_NAME}"
server_ca_cert_path = "${authority}"
client_cert_path = "${stranger.crt}"
client_key_path = "${stranger.key}"
${profile('key', withKey)}
api_key = "${API_KEY}"
[profile.key.tls]
server_name = "${SERVER_NAME}"
server_ca_cert_path = "${authority}"
`,
  );
  delete fleet.environment.TEMPORAL_ADDRESS;
  delete fleet.environment.TEMPORAL_NAMESPACE;
  fleet.environment.TEMPORAL_CONFIG_FILE = file;
  await fleet.addVehicles(2, { rows: 100 });
}, 60_000);
afterAll(async () => {
  await fleet.close();
  await Promise.all([withCertificate.close(), withKey.close()]);
});

const profile = (name: string, { address }: TlsFront): string =>
  `[profile.${name}]\naddress = "${address}"\nnamespace = "${fleet.namespace}"`;

test('mTLS: a sync runs over a connection that needs a client certificate, chosen by TEMPORAL_PROFILE', async () => {
  fleet.environment.TEMPORAL_PROFILE = 'mtls';
  const worker = await fleet.startWorker();
  expect(await fleet.cli('sync', '--vehicles', '1')).toMatchObject({ status: 0 });
  await expectInvariants(fleet, ['1']);
  expect((await fleet.temporal('workflow', 'list')).stdout).toMatch(/vehicle-sync\/1/);
  expect([...withCertificate.seen.names]).toEqual(['fleetgraph-worker']);
  await worker.stop();
});

test('mTLS: another certificate is let nowhere', async () => {
  fleet.environment.TEMPORAL_PROFILE = 'stranger';
  expect((await fleet.temporal('workflow', 'list', '--command-timeout', '3s')).status).not.toBe(0);
  expect([...withCertificate.seen.names]).toEqual(['fleetgraph-worker']);
});

test('an API key reaches the server as the Authorization header of every call, over TLS', async () => {
  fleet.environment.TEMPORAL_PROFILE = 'key';
  const worker = await fleet.startWorker();
  expect(await fleet.cli('sync', '--vehicles', '2')).toMatchObject({ status: 0 });
  await expectInvariants(fleet, ['2']);
  expect((await fleet.temporal('workflow', 'list')).stdout).toMatch(/vehicle-sync\/2/);
  expect([...withKey.seen.authorizations]).toEqual([`Bearer ${API_KEY}`]);
  await worker.stop();
});

test('TEMPORAL_API_KEY stands over the profile: a wrong one is let nowhere, and no line repeats it', async () => {
  fleet.environment.TEMPORAL_API_KEY = 'another-key';
  const refused = await fleet.cli('sync', '--vehicles', '2');
  expect(refused.status).toBe(1);
  expect(`${refused.stdout}${refused.stderr}`.includes('another-key')).toBe(false);
  expect([...withKey.seen.authorizations]).toEqual([`Bearer ${API_KEY}`]);
});
