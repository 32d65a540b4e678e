import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test as plainTest } from '@jest/globals';
import { openObjectStore } from '../../../../src/connections/object-store.ts';
import { unpackBackup } from '../../../../src/activities/transport-graph/odata-sync/backup-document.ts';
import { uploadBackups } from '../../../../src/activities/transport-graph/odata-sync/upload-backups.ts';
import { checkoutDir } from '../../../../src/stack/checkout-dir.ts';
import { type TestObjectStore, startObjectStore } from '../../../support/object-store.ts';
import { type SyncFixture, openSyncFixture } from './sync-fixture.ts';

const found = await startObjectStore();
if ('missing' in found) console.log(`backups are not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const store = found as TestObjectStore;

let fixture: SyncFixture;
beforeAll(async () => {
  process.env['FLEETGRAPH_TEST_ACCESS_KEY'] = store.accessKeyId;
  process.env['FLEETGRAPH_TEST_SECRET_KEY'] = store.secretAccessKey;
  fixture = await openSyncFixture();
});
beforeEach(async () => {
  await fixture.reset();
  await fixture.set('backup.enabled', 'true');
  await fixture.set('backup.endpoint', store.endpoint ?? 'http://127.0.0.1:1');
  await fixture.set('backup.bucket', store.bucket ?? 'none');
  await fixture.set('backup.prefix', 'town/');
  await fixture.set('backup.access_key_ref', 'env:FLEETGRAPH_TEST_ACCESS_KEY');
  await fixture.set('backup.secret_key_ref', 'env:FLEETGRAPH_TEST_SECRET_KEY');
});
afterAll(async () => {
  await fixture.close();
  if (!('missing' in found)) await store.remove();
});

const statuses = () =>
  fixture.rows(`SELECT backup_status AS status, backup_key AS key, backup_error AS error,
    (SELECT count(*)::int FROM dataset_backups b WHERE b.dataset_version = version) AS waiting FROM datasets ORDER BY version`);
const connect = (options: Partial<Parameters<typeof openObjectStore>[0]> = {}) =>
  openObjectStore({ ...store, region: 'us-east-1', pathStyle: true, timeoutMs: 5_000, ...options });

test('a changed dataset is backed up under its hash; the object proves itself and is the source’s answers', async () => {
  await fixture.sync();
  const [status] = await statuses();
  const [{ hash }] = (await fixture.rows<{ hash: string }>('SELECT raw_sha256 AS hash FROM datasets')) as [
    { hash: string },
  ];
  expect(status).toEqual({ status: 'done', key: `town/datasets/odata/${hash}.json.gz`, error: null, waiting: 0 });
  const client = connect();
  const body = (await client.get(String(status!['key'])))!;
  client.close();
  const document = await unpackBackup(body);
  expect(document.sets.map(({ set }) => set)).toEqual(['Stops', 'Routes', 'Flights']);
  const texts = document.sets.flatMap(({ pages }) => pages);
  expect(createHash('sha256').update(texts.join('')).digest('hex')).toBe(hash);
  expect((JSON.parse(texts[0]!) as { value: unknown[] }).value).toHaveLength(10);
  const spoilt = Buffer.from(body);
  spoilt.writeUInt8(spoilt.readUInt8(200) ^ 1, 200);
  await expect(unpackBackup(spoilt)).rejects.toMatchObject({ code: 'OdataInvalid' });
});

test('a byte order mark survives the backup', async () => {
  fixture.source.byteOrderMark = true;
  await fixture.sync();
  fixture.source.byteOrderMark = false;
  const [status] = await statuses();
  const client = connect();
  const { sets } = await unpackBackup((await client.get(String(status!['key'])))!);
  client.close();
  expect(sets[0]!.pages[0]!.codePointAt(0)).toBe(0xfeff);
});

test('a store that is away is a warning, recorded, and made up for by the sweep', async () => {
  await store.stop();
  try {
    expect(await fixture.sync()).toMatchObject({ status: 'success', dataProcessed: { added: 37 } });
    expect(await statuses()).toEqual([
      {
        status: 'failed',
        key: expect.any(String),
        error: expect.stringContaining('the store did not do it'),
        waiting: 1,
      },
    ]);
    expect(fixture.lines.some((line) => line.includes('⚠️ Backup failed, it is tried again later'))).toBe(true);
    expect(await uploadBackups(fixture.deps)).toEqual({ done: 0, failed: 1 });
  } finally {
    await store.start();
  }
  expect(await uploadBackups(fixture.deps)).toEqual({ done: 1, failed: 0 });
  expect(await statuses()).toEqual([{ status: 'done', key: expect.any(String), error: null, waiting: 0 }]);
  expect(await uploadBackups(fixture.deps)).toEqual({ done: 0, failed: 0 });
});

test('a worker that dies after the commit leaves the backup waiting for the sweep', async () => {
  const faultPoint = (name: string) => {
    if (name === 'odata-sync:saved') throw new Error('killed');
  };
  await expect(fixture.sync({ deps: { faultPoint } })).rejects.toThrow('killed');
  expect(await statuses()).toEqual([{ status: 'pending', key: expect.any(String), error: null, waiting: 1 }]);
  // The next attempt of the stage finds nothing to do, which is why the backup does not depend on it.
  expect(await fixture.sync()).toMatchObject({ status: 'skipped' });
  expect(await uploadBackups(fixture.deps)).toEqual({ done: 1, failed: 0 });
});

test.each([
  ['an unknown bucket', 'backup.bucket', 'no-such-bucket', 'NoSuchBucket'],
  ['incomplete settings', 'backup.access_key_ref', '', 'access_key_ref or secret_key_ref is empty'],
  ['a key that is not set', 'backup.secret_key_ref', 'env:FLEETGRAPH_TEST_ABSENT', 'FLEETGRAPH_TEST_ABSENT'],
  ['a wrong key', 'backup.secret_key_ref', 'env:PATH', 'SignatureDoesNotMatch'],
])('%s never fails the sync', async (_what, key, value, error) => {
  await fixture.set(key, value);
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
  expect(await statuses()).toEqual([
    { status: 'failed', key: expect.any(String), error: expect.stringContaining(error), waiting: 1 },
  ]);
  expect(JSON.stringify(await statuses())).not.toContain(store.secretAccessKey);
});

test('an object is written once, and one that is not there is null', async () => {
  const client = connect();
  const key = `once-${Date.now()}`;
  expect(await client.get(key)).toBeNull();
  expect(await client.putOnce(key, Buffer.from('first'), 'text/plain')).toBe('stored');
  expect(await client.putOnce(key, Buffer.from('second'), 'text/plain')).toBe('present');
  expect((await client.get(key))?.toString()).toBe('first');
  client.close();
  const stranger = connect({ secretAccessKey: 'other' });
  await expect(stranger.get(key)).rejects.toMatchObject({ code: 'ObjectStoreRejected', retryable: false });
  stranger.close();
  const nobody = connect({ endpoint: 'http://127.0.0.1:1' });
  await expect(nobody.get(key)).rejects.toMatchObject({ code: 'ObjectStoreUnavailable', retryable: true });
  nobody.close();
});

test('without backups nothing is kept', async () => {
  await fixture.set('backup.enabled', 'false');
  await fixture.sync();
  expect(await statuses()).toEqual([{ status: 'off', key: null, error: null, waiting: 0 }]);
});

plainTest('the server of these tests is the one that compose runs', () => {
  const read = (file: string) => readFileSync(join(checkoutDir(), file), 'utf8');
  const [, pinned] = /versitygw (v\S+)/.exec(read('tools/s3/go.mod')) ?? [];
  expect(read('docker/s3/Dockerfile')).toContain(`versitygw:${pinned}`);
});
