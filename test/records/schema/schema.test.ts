import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '../../support/stack.ts';
import { addServer, emptyFleet, fleetOf, slotOf, startRun } from '../../support/fleet-fixture.ts';

let database: FreshDatabase;
let runId: string;
const pool = () => database.pool;

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyFleet(pool());
  await pool().query('TRUNCATE positions');
  await addServer(pool(), 'depot-1', { count: 3 });
  const fleet = fleetOf(pool());
  runId = await startRun(fleet);
  await slotOf(fleet, runId, 1).claim();
});
afterAll(() => database.drop());

const UNIQUE = '23505';
const CHECK = '23514';
const FOREIGN = '23503';
const refused = (code: string, sql: string, values: unknown[] = []) =>
  expect(pool().query(sql, values)).rejects.toMatchObject({ code });
const accepted = (sql: string, values: unknown[] = []) => expect(pool().query(sql, values)).resolves.toBeDefined();

test('positions: coordinates are coordinates, times are finite, and a row is there once', async () => {
  const insert = (latitude: string, longitude: string, time = "'2025-01-01 00:00:00+00'", legacyId = 1) =>
    `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude) VALUES (1, ${time}, ${legacyId}, ${latitude}, ${longitude})`;
  await accepted(insert('62.03', '129.73'));
  await refused(UNIQUE, insert('1', '1'));
  await accepted(insert('-90', '180', undefined, 2));
  await refused(CHECK, insert('90.0001', '0', undefined, 3));
  await refused(CHECK, insert('0', '-180.0001', undefined, 3));
  await refused(CHECK, insert("'NaN'", '0', undefined, 3));
  await refused(CHECK, insert('0', '0', "'infinity'", 3));
  await accepted(insert('0', '0', "'1970-01-01+00'", 4));
  await accepted(insert('0', '0', "'2189-01-01+00'", 5));
});

test('vehicle_syncs: a vehicle is claimed by one run, a slot holds one vehicle, and states agree with their columns', async () => {
  const other = await startRun(fleetOf(pool()));
  const claim = `UPDATE vehicle_syncs SET state = 'claimed', slot = $3, lease_until = now() WHERE run_id = $1 AND vehicle_id = $2`;
  await refused(UNIQUE, claim, [other, 1, 1]);
  await refused(UNIQUE, claim, [runId, 2, 1]);
  await accepted(claim, [other, 2, 1]);
  await refused(CHECK, `UPDATE vehicle_syncs SET lease_until = NULL WHERE state = 'claimed'`);
  await refused(CHECK, `UPDATE vehicle_syncs SET status = 'completed' WHERE state = 'claimed'`);
  await refused(CHECK, `UPDATE vehicle_syncs SET state = 'settled', lease_until = NULL WHERE state = 'claimed'`);
  await refused(
    CHECK,
    `UPDATE vehicle_syncs SET state = 'settled', lease_until = NULL, status = 'failed' WHERE state = 'claimed'`,
  );
  await refused(CHECK, `UPDATE vehicle_syncs SET status = 'cancelled' WHERE state = 'claimed'`);
});

test('import_ledger and quarantine: the sum is right, a range is imported once, a bad row is kept once', async () => {
  const ledger = (toId: number, counts: string, from = 1) =>
    `INSERT INTO import_ledger (vehicle_id, run_id, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes)
     VALUES (1, $1, ${from}, 0, ${toId}, repeat('a', 64), ${counts}, 100)`;
  await accepted(ledger(10, '10, 7, 2, 1'), [runId]);
  await refused(UNIQUE, ledger(10, '10, 7, 2, 1'), [runId]);
  await refused(CHECK, ledger(20, '10, 7, 2, 0'), [runId]);
  await refused(CHECK, ledger(20, '1, 1, 0, 0', 21), [runId]);
  await refused(FOREIGN, ledger(20, '1, 1, 0, 0'), [randomUUID()]);
  const bad = `INSERT INTO quarantine (vehicle_id, run_id, reason, raw) VALUES (1, $1, 'bad', '\\x01')`;
  await accepted(bad, [runId]);
  await refused(UNIQUE, bad, [runId]);
});

test('legacy_servers and vehicles: no secret, no odd name, no vehicle twice, no server gone from under its vehicles', async () => {
  await refused(CHECK, `UPDATE legacy_servers SET private_key_ref = '-----BEGIN OPENSSH PRIVATE KEY-----'`);
  await refused(CHECK, `UPDATE legacy_servers SET mysql_password_ref = 'hunter2'`);
  await refused(CHECK, `UPDATE legacy_servers SET host_key_fingerprints = '{}'`);
  await refused(CHECK, `UPDATE vehicles SET legacy_table = 'a\`; DROP TABLE b'`);
  await refused(CHECK, `UPDATE vehicles SET legacy_vehicle_id = '1'' OR ''1'' = ''1'`);
  await refused(CHECK, 'UPDATE vehicles SET watermark = -1');
  await refused(UNIQUE, `UPDATE vehicles SET legacy_vehicle_id = '2' WHERE id = 3`);
  await refused(UNIQUE, `UPDATE vehicles SET legacy_vehicle_id = NULL`);
  await refused(FOREIGN, `DELETE FROM legacy_servers`);
  await refused(FOREIGN, `DELETE FROM vehicles WHERE id = 1`);
});

test('rollouts: no server gone from under one, which has settings of all servers to put back', async () => {
  await accepted(
    `INSERT INTO legacy_servers SELECT (jsonb_populate_record(server, '{"id": "quiet"}')).* FROM legacy_servers AS server LIMIT 1`,
  );
  await accepted(
    `INSERT INTO rollouts (rollout_id, workflow_id, server_id, steps, unattended, requested_by) VALUES ($1, 'rollout/quiet', 'quiet', '[]', false, 'me')`,
    [randomUUID()],
  );
  await refused(FOREIGN, `DELETE FROM legacy_servers WHERE id = 'quiet'`);
  await accepted('DELETE FROM rollouts');
  await accepted(`DELETE FROM legacy_servers WHERE id = 'quiet'`);
});

test('sync_runs: a run is finished exactly when it is not running', async () => {
  await refused(CHECK, `UPDATE sync_runs SET state = 'completed'`);
  await refused(CHECK, `UPDATE sync_runs SET finished_at = now()`);
  await refused(CHECK, `UPDATE sync_runs SET max_workers = 0`);
  await accepted(`UPDATE sync_runs SET state = 'completed', finished_at = now()`);
});
