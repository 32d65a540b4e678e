import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Listener } from '../../src/connections/listen.ts';
import { SETTING_GROUPS } from '../../src/settings/setting-groups.ts';
import { listenSettings, readSettings, readTransportGraphSettings, writeSetting } from '../../src/records/settings.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';

let database: FreshDatabase;
let listener: Listener | undefined;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await listener?.close();
  await database.drop();
});

const setRaw = (key: string, value: string) =>
  database.pool.query('UPDATE system_settings SET value = $2 WHERE key = $1', [key, value]);

test('a migrated database holds a row for each setting, at its default', async () => {
  const { rows } = await database.pool.query('SELECT key, value, category FROM system_settings ORDER BY key');
  const wanted = SETTING_GROUPS.flatMap(({ prefix, settings }) =>
    Object.values(settings).map(({ key, default: value }) => ({ key, value: String(value), category: prefix })),
  ).sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(rows).toEqual(wanted);
  const settings = await readSettings(database.pool);
  expect(settings.maxWorkers).toBe(3);
  expect(settings.poolEnabled).toBe(true);
  expect(settings.transferMethod).toBe('exec');
  const graph = await readTransportGraphSettings(database.pool);
  expect(graph).toMatchObject({ batchSize: 1000, hubCity: 'Якутск', departures: '08:00,16:00', keyTag: false });
});

test('a setting without a row has its default', async () => {
  const key = 'legacy_sync.worker_pool.retry_attempts';
  await setRaw(key, '9');
  expect((await readSettings(database.pool)).retryAttempts).toBe(9);
  await database.pool.query('DELETE FROM system_settings WHERE key = $1', [key]);
  expect((await readSettings(database.pool)).retryAttempts).toBe(2);
});

test('a change is validated, stored and audited together', async () => {
  const key = 'legacy_sync.worker_pool.max_workers';
  await writeSetting(database.pool, key, '7', { actor: 'ann', reason: 'night run' });
  expect((await readSettings(database.pool)).maxWorkers).toBe(7);
  const { rows } = await database.pool.query(
    `SELECT actor, action, subject, reason, details FROM audit_log WHERE subject = $1`,
    [key],
  );
  expect(rows).toEqual([
    { actor: 'ann', action: 'setting.changed', subject: key, reason: 'night run', details: { from: '3', to: '7' } },
  ]);
});

test.each([
  ['legacy_sync.worker_pool.max_workers', '0', 'a whole number from 1 to 1000'],
  ['legacy_sync.worker_pool.max_workers', '1.5', 'a whole number from 1 to 1000'],
  ['legacy_sync.worker_pool.max_workers', '0x10', 'a whole number from 1 to 1000'],
  ['legacy_sync.worker_pool.enabled', 'yes', 'true or false'],
  ['legacy_sync.transfer.method', 'ftp', 'one of exec, sftp, scp'],
  [
    'transport_graph.odata.url',
    'https://ann:secret@host/odata',
    'an http(s) address without user, password, query and fragment, or empty',
  ],
  ['transport_graph.odata.time_zone', '+09:00', 'an IANA time zone name'],
  [
    'transport_graph.odata.mapping',
    '{"stops":{}}',
    'a mapping as JSON, `file:/path` of one, or empty: the default (docs/odata-mapping.md)',
  ],
  ['transport_graph.virtual.departures', '08:00,8:00', 'times of day as `HH:MM`, separated by commas, none twice'],
  ['transport_graph.virtual.departures', '08:00,08:00', 'times of day as `HH:MM`, separated by commas, none twice'],
  ['transport_graph.odata.password_ref', 'hunter2', '`file:/path`, `env:NAME` or empty'],
  ['transport_graph.graph.versions_kept', '1', 'a whole number from 2 to 100'],
])('writing %s = %s is refused with the key, the value and what is allowed', async (key, value, allowed) => {
  const before = await readSettings(database.pool);
  await expect(writeSetting(database.pool, key, value, { actor: 'ann' })).rejects.toMatchObject({
    code: 'InvalidSetting',
    message: `Setting ${key} is set to "${value}": allowed is ${allowed}.`,
  });
  expect(await readSettings(database.pool)).toEqual(before);
});

test('a setting of the transport graph is stored under its category, and a bad row of it stops only its own pipeline', async () => {
  const key = 'transport_graph.virtual.hub_city';
  await writeSetting(database.pool, key, 'Мирный', { actor: 'ann' });
  expect((await readTransportGraphSettings(database.pool)).hubCity).toBe('Мирный');
  await database.pool.query('DELETE FROM system_settings WHERE key = $1', [key]);
  await writeSetting(database.pool, key, 'Якутск', { actor: 'ann' });
  const { rows } = await database.pool.query('SELECT category FROM system_settings WHERE key = $1', [key]);
  expect(rows).toEqual([{ category: 'transport_graph' }]);
  await database.pool.query(`INSERT INTO system_settings VALUES ('transport_graph.color', 'red', 'string', 'x')`);
  try {
    await expect(readTransportGraphSettings(database.pool)).rejects.toMatchObject({ code: 'InvalidSetting' });
    expect((await readSettings(database.pool)).maxWorkers).toBeGreaterThan(0);
  } finally {
    await database.pool.query(`DELETE FROM system_settings WHERE key = 'transport_graph.color'`);
  }
});

test('an unknown key is refused, and the one that was meant is named', async () => {
  await expect(
    writeSetting(database.pool, 'legacy_sync.worker_pool.max_worker', '5', { actor: 'ann' }),
  ).rejects.toMatchObject({
    code: 'InvalidSetting',
    message: expect.stringMatching(
      /legacy_sync\.worker_pool\.max_worker:.*did you mean legacy_sync\.worker_pool\.max_workers/,
    ),
  });
});

test('PostgreSQL itself refuses what psql should not be able to type', async () => {
  const refused = (key: string, value: string) => expect(setRaw(key, value)).rejects.toMatchObject({ code: '23514' });
  await refused('legacy_sync.worker_pool.max_workers', '0');
  await refused('legacy_sync.worker_pool.max_workers', '1001');
  await refused('legacy_sync.worker_pool.max_workers', '2.5');
  await refused('legacy_sync.worker_pool.max_workers', 'many');
  await refused('legacy_sync.worker_pool.enabled', 'yes');
  await refused('legacy_sync.resource_limits.max_cpu_percent', '0');
  await refused('legacy_sync.transfer.method', 'ftp');
  await setRaw('legacy_sync.resource_limits.max_cpu_percent', '0.5');
});

test('rows that the bounds cannot stop are refused together, each by its key', async () => {
  await database.pool.query(`INSERT INTO system_settings (key, value, type, category) VALUES
    ('legacy_sync.worker_pool.color', 'red', 'string', 'legacy_sync'),
    ('other.thing', '1', 'number', 'other')`);
  await database.pool.query(
    `UPDATE system_settings SET bounds = '{}', value = '0' WHERE key = 'legacy_sync.worker_pool.lease_ms'`,
  );
  await database.pool.query(`UPDATE system_settings SET type = 'string' WHERE key = 'legacy_sync.ssh.keepalive_ms'`);
  try {
    await expect(readSettings(database.pool)).rejects.toMatchObject({
      code: 'InvalidSetting',
      message:
        'Reading system_settings: legacy_sync.ssh.keepalive_ms has type string: its type is number; ' +
        'legacy_sync.worker_pool.color is set to "red": there is no such setting; ' +
        'legacy_sync.worker_pool.lease_ms is set to "0": allowed is a whole number of at least 1. Correct these rows.',
    });
  } finally {
    await database.pool.query(
      `DELETE FROM system_settings WHERE key IN ('legacy_sync.worker_pool.color', 'other.thing')`,
    );
    await database.pool.query(
      `UPDATE system_settings SET value = '60000' WHERE key = 'legacy_sync.worker_pool.lease_ms'`,
    );
    await database.pool.query(`UPDATE system_settings SET type = 'number' WHERE key = 'legacy_sync.ssh.keepalive_ms'`);
  }
});

test('a plain UPDATE reaches a listener, also after its connection was killed', async () => {
  const heard: (string | null)[] = [];
  listener = await listenSettings(database.url, (key) => heard.push(key));
  expect(heard).toEqual([null]);
  await setRaw('legacy_sync.worker_pool.max_workers', '4');
  await eventually(() => expect(heard).toEqual([null, 'legacy_sync.worker_pool.max_workers']));

  await database.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name LIKE 'fleetgraph listen%' AND datname = current_database()`,
  );
  // null once more: changes may have been missed.
  await eventually(() => expect(heard.filter((key) => key === null)).toHaveLength(2));
  await setRaw('legacy_sync.worker_pool.max_workers', '5');
  await eventually(() => expect(heard).toHaveLength(4));
});
