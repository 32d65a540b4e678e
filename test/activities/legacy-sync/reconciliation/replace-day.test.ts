import { slotBuffers } from '../../../../src/settings/slot-buffers.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { replaceDay } from '../../../../src/activities/legacy-sync/reconciliation/replace-day.ts';
import { readDay } from '../../../../src/records/reconciled-days.ts';
import { addServer, fleetDatabase } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

test('a day is brought in line once: an attempt that comes late marks nothing a second time', async () => {
  await addServer(pool(), 'depot-1', { count: 1 });
  const key = { reconciliationId: randomUUID(), vehicleId: '1', day: '2026-03-01' };
  await pool().query(
    `INSERT INTO reconciliations (reconciliation_id, workflow_id, selection, requested_by) VALUES ($1, 'reconcile', '{}', 'test')`,
    [key.reconciliationId],
  );
  await pool().query(
    `INSERT INTO reconciled_vehicles (reconciliation_id, vehicle_id, server_id) VALUES ($1, 1, 'depot-1')`,
    [key.reconciliationId],
  );
  await pool().query(
    `INSERT INTO reconciled_days (reconciliation_id, vehicle_id, day, source_rows, target_rows, missing, changed, quarantined, extra, extra_times, old, old_times)
     VALUES ($1, 1, $2, 0, 1, '{}', '{}', '{}', '{7}', '{2026-03-01 12:00+00}', '{}', '{}')`,
    [key.reconciliationId, key.day],
  );
  await pool().query(
    `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude) VALUES (1, '2026-03-01 12:00+00', 7, 0, 0)`,
  );
  const day = (await readDay(pool(), key))!;
  const marked = async () => (await pool().query('SELECT legacy_id FROM extra_positions')).rows.length;
  await replaceDay(pool(), { key, day, tuples: [], refused: [], buffers: slotBuffers(defaultSettings()) });
  expect(await marked()).toBe(1);
  await pool().query('DELETE FROM extra_positions');
  await replaceDay(pool(), { key, day, tuples: [], refused: [], buffers: slotBuffers(defaultSettings()) });
  expect(await marked()).toBe(0);
});
