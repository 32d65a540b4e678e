import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporalAccess } from '../../src/connections/temporal-access.ts';

let folder: string;
let toml: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporal-access-'));
  toml = join(folder, 'temporal.toml');
  writeFileSync(
    toml,
    `[profile.default]
address = "default.example:7233"
[profile.cloud]
address = "fleet.a1b2c.tmprl.cloud:7233"
namespace = "fleet.a1b2c"
api_key = "key-of-the-file"
[profile.mtls]
address = "mtls.example:7233"
[profile.mtls.tls]
server_name = "temporal.internal"
client_cert_data = "the certificate"
client_key_data = "the key"
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const refused = (environment: Record<string, string>): unknown => {
  try {
    temporalAccess(environment);
  } catch (error) {
    return error;
  }
  return null;
};

test('without any configuration it is the server of this machine', () => {
  expect(temporalAccess({})).toMatchObject({ connectionOptions: { address: '127.0.0.1:7233' }, namespace: 'default' });
});

describe('temporal.toml', () => {
  test('is read where TEMPORAL_CONFIG_FILE says, and where the command line looks', () => {
    expect(temporalAccess({ TEMPORAL_CONFIG_FILE: toml }).connectionOptions.address).toBe('default.example:7233');
  });

  test('TEMPORAL_PROFILE chooses the profile: address, namespace, key and TLS', () => {
    const { connectionOptions, namespace } = temporalAccess({ TEMPORAL_CONFIG_FILE: toml, TEMPORAL_PROFILE: 'cloud' });
    expect(namespace).toBe('fleet.a1b2c');
    expect(connectionOptions).toMatchObject({
      address: 'fleet.a1b2c.tmprl.cloud:7233',
      apiKey: 'key-of-the-file',
      tls: true,
    });
  });

  test('a variable stands over the profile', () => {
    const { connectionOptions, namespace } = temporalAccess({
      TEMPORAL_CONFIG_FILE: toml,
      TEMPORAL_PROFILE: 'cloud',
      TEMPORAL_NAMESPACE: 'other.a1b2c',
      TEMPORAL_API_KEY: 'key-of-the-environment',
    });
    expect(namespace).toBe('other.a1b2c');
    expect(connectionOptions).toMatchObject({
      address: 'fleet.a1b2c.tmprl.cloud:7233',
      apiKey: 'key-of-the-environment',
    });
  });

  test('client certificate, key and server name', () => {
    const { tls } = temporalAccess({ TEMPORAL_CONFIG_FILE: toml, TEMPORAL_PROFILE: 'mtls' }).connectionOptions;
    expect(tls).toMatchObject({
      serverNameOverride: 'temporal.internal',
      clientCertPair: { crt: Buffer.from('the certificate'), key: Buffer.from('the key') },
    });
  });
});

test('none of our own variables says where Temporal is', () => {
  const { connectionOptions, namespace } = temporalAccess({
    TEMPORAL_CONFIG_FILE: toml,
    FLEETGRAPH_TEMPORAL_ADDRESS: 'ours.example:7233',
    FLEETGRAPH_TEMPORAL_NAMESPACE: 'ours',
  });
  expect([connectionOptions.address, namespace]).toEqual(['default.example:7233', 'default']);
});

test.each([
  ['a profile that is not there', { TEMPORAL_PROFILE: 'clod' }, /'clod' not found/],
  ['a file that is not there', { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' }, /no file \/nowhere\/temporal\.toml/],
  ['a certificate without its key', { TEMPORAL_TLS_CLIENT_CERT_PATH: '/a.crt' }, /needs its key/],
  [
    'a certificate that is not there',
    { TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere.crt', TEMPORAL_TLS_CLIENT_KEY_PATH: '/nowhere.key' },
    /ENOENT.*nowhere/,
  ],
  ['TLS that checks nobody', { TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' }, /always checked/],
  ['neither true nor false', { FLEETGRAPH_PAYLOAD_STRICT: 'yes' }, /true or false/],
])('%s is refused with what was found', (_, environment, found) => {
  expect(refused(environment)).toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringMatching(found),
  });
});

test('a misspelt line of temporal.toml is refused and not passed over', () => {
  const misspelt = join(folder, 'misspelt.toml');
  writeFileSync(misspelt, '[profile.default]\nadress = "x.example:7233"\n');
  expect(refused({ TEMPORAL_CONFIG_FILE: misspelt })).toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringContaining('adress'),
  });
});
