import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { FLEET_GAUGES } from '../../../src/api/metrics/fleet-gauges.ts';
import { recordLimitChange } from '../../../src/records/limit-changes.ts';
import { keepQuarantined } from '../../../src/records/quarantine.ts';
import type { FleetActivities } from '../../../src/workflows/legacy-sync/activities.ts';
import {
  addServer,
  completed,
  failed,
  fleetDatabase,
  fleetOf,
  set,
  slotOf,
  startRun,
} from '../../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  fleet = fleetOf(pool());
});

const figures = async (name: string): Promise<unknown[]> => {
  const rows = await FLEET_GAUGES.find((gauge) => gauge.name === name)!.read(pool());
  return rows.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
};

test('without a run every figure is zero or left out', async () => {
  const read = await Promise.all(FLEET_GAUGES.map(async (gauge) => [gauge.name, await gauge.read(pool())]));
  expect(Object.fromEntries(read)).toMatchObject({
    fleetgraph_sync_runs: [],
    fleetgraph_sync_vehicles_24h: [{ status: 'up-to-date', value: 0 }],
    fleetgraph_sync_rows_24h: [],
    fleetgraph_sync_bytes_24h: [{ value: 0 }],
    fleetgraph_sync_failures_24h: [],
    fleetgraph_sync_slots_busy: [{ value: 0 }],
    fleetgraph_sync_slots_waiting: [{ value: 0 }],
    fleetgraph_vehicles: [{ freshness: 'never', value: 4 }],
    fleetgraph_circuits_not_closed: [{ value: 0 }],
    fleetgraph_server_limit: [{ server: 'depot-1', value: 8 }],
    fleetgraph_server_in_flight: [{ server: 'depot-1', value: 0 }],
    fleetgraph_server_limit_changes_24h: [],
    fleetgraph_circuit_open_seconds: [],
    fleetgraph_server_check_ok: [],
    fleetgraph_server_check_seconds: [],
    fleetgraph_quarantine_rows: [],
    fleetgraph_quarantine_rows_1h: [{ value: 0 }],
  });
});

test('the figures add up what the rows say', async () => {
  const runId = await startRun(fleet);
  const slot = slotOf(fleet, runId, 1);
  const first = await slot.claim();
  const second = await slot.claim(completed(first.vehicleId));
  const third = await slot.claim(failed(second.vehicleId, 'SchemaDrift'));
  await slot.claim(failed(third.vehicleId, 'DumpCorrupt'));
  const { vehicleId } = first;
  await keepQuarantined(pool(), { runId }, [
    { vehicleId, legacyId: '1', reason: 'ZeroDate', column: 't', raw: Buffer.from('(1)') },
    { vehicleId, legacyId: '2', reason: 'ZeroDate', column: 't', raw: Buffer.from('(2)') },
  ]);
  await pool().query(`UPDATE vehicle_syncs SET inserted = 5, duplicates = 2, bytes = 100`);
  await pool().query('UPDATE sync_runs SET up_to_date = 7');
  await pool().query(
    `UPDATE legacy_server_state SET breaker = jsonb_build_object('state', 'held', 'code', 'SshAuthRejected',
            'troubledSince', extract(epoch FROM clock_timestamp() - interval '1 hour') * 1000)`,
  );
  await pool().query(`UPDATE quarantine SET created_at = now() - interval '2 hours' WHERE legacy_id = 1`);

  expect(await figures('fleetgraph_sync_runs')).toEqual([{ state: 'running', value: 1 }]);
  expect(await figures('fleetgraph_sync_vehicles_24h')).toEqual([
    { status: 'completed', value: 1 },
    { status: 'failed', value: 2 },
    { status: 'idle', value: 1 },
    { status: 'up-to-date', value: 7 },
  ]);
  expect(await figures('fleetgraph_sync_rows_24h')).toEqual([
    { result: 'duplicate', value: 8 },
    { result: 'imported', value: 20 },
    { result: 'quarantined', value: 0 },
    { result: 'without-fix', value: 0 },
  ]);
  expect(await figures('fleetgraph_sync_bytes_24h')).toEqual([{ value: 400 }]);
  expect(await figures('fleetgraph_sync_failures_24h')).toEqual([
    { code: 'DumpCorrupt', value: 1 },
    { code: 'SchemaDrift', value: 1 },
  ]);
  expect(await figures('fleetgraph_sync_slots_busy')).toEqual([{ value: 1 }]);
  // Claimed, and nobody has begun to work on it.
  expect(await figures('fleetgraph_sync_slots_waiting')).toEqual([{ value: 1 }]);
  await pool().query(`UPDATE vehicle_syncs SET working_since = now() WHERE state = 'claimed'`);
  expect(await figures('fleetgraph_sync_slots_waiting')).toEqual([{ value: 0 }]);
  const [{ value: openFor }, ...more] = (await figures('fleetgraph_circuit_open_seconds')) as [{ value: number }];
  expect([Math.round(openFor / 60), more]).toEqual([60, []]);
  expect(await figures('fleetgraph_quarantine_rows_1h')).toEqual([{ value: 1 }]);
  expect(await figures('fleetgraph_vehicles')).toEqual([
    { freshness: '2h', value: 1 },
    { freshness: 'never', value: 3 },
  ]);
  expect(await figures('fleetgraph_circuits_not_closed')).toEqual([{ value: 1 }]);
  expect(await figures('fleetgraph_server_in_flight')).toEqual([{ server: 'depot-1', value: 1 }]);
  expect(await figures('fleetgraph_quarantine_rows')).toEqual([{ reason: 'ZeroDate', value: 2 }]);
});

test('an adaptive limit is told with its changes by direction', async () => {
  await set(pool(), 'adaptive.enabled', true);
  await recordLimitChange(pool(), { serverId: 'depot-1', runId: randomUUID(), from: 1, to: 2, reason: 'no trouble' });
  await recordLimitChange(pool(), { serverId: 'depot-1', runId: randomUUID(), from: 2, to: 1, reason: 'trouble' });
  expect(await figures('fleetgraph_server_limit')).toEqual([{ server: 'depot-1', value: 1 }]);
  expect(await figures('fleetgraph_server_limit_changes_24h')).toEqual([
    { server: 'depot-1', direction: 'down', value: 1 },
    { server: 'depot-1', direction: 'up', value: 1 },
  ]);
});

test('a rollout that was lost is told until another one begins', async () => {
  const begin = (ago: string, state: string) =>
    pool().query(
      `INSERT INTO rollouts (rollout_id, workflow_id, server_id, unattended, requested_by, steps, state, started_at, finished_at)
       VALUES ($1, 'rollout/depot-1', 'depot-1', false, 'test', '[]', $2, now() - $3::interval, CASE WHEN $2 <> 'running' THEN now() END)`,
      [randomUUID(), state, ago],
    );
  await begin('1 hour', 'lost');
  expect(await figures('fleetgraph_rollout_troubled')).toEqual([{ server: 'depot-1', trouble: 'lost', value: 1 }]);
  await begin('1 minute', 'running');
  expect(await figures('fleetgraph_rollout_troubled')).toEqual([]);
});
