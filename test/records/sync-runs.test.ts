import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import {
  findPlannedRun,
  latestRuns,
  plannedAmong,
  readRunRow,
  runningRuns,
  runningUnder,
  sumUpRun,
} from '../../src/records/sync-runs.ts';
import type { FleetActivities } from '../../src/workflows/legacy-sync/activities.ts';
import { addServer, completed, fleetDatabase, fleetOf, slotOf, startRun } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();

let fleet: FleetActivities;
let runId: string;
beforeEach(async () => {
  await addServer(pool(), 'depot-1', { count: 3 });
  fleet = fleetOf(pool());
  runId = await startRun(fleet);
});

test('a run is told alike alone and in the list, and its row agrees', async () => {
  const claim = slotOf(fleet, runId, 1);
  const vehicle = await claim.claim();
  await claim.claim(completed(vehicle.vehicleId));
  const run = await findPlannedRun(pool(), runId);
  expect(run).toMatchObject({ state: 'running', vehicles: 3, waiting: 1, inFlight: 1, completed: 1, failed: 0 });
  expect(await latestRuns(pool(), { limit: 1 })).toEqual([run]);
  const row = await readRunRow(pool(), runId);
  expect(run).toMatchObject({ runId: row.runId, mode: row.mode, paused: row.paused, upToDate: row.upToDate });
  expect(await runningRuns(pool())).toEqual([{ runId, workflowId: row.workflowId, maxWorkers: row.maxWorkers }]);
  expect(await runningUnder(pool(), row.workflowId)).toBe(runId);
});

test('a run that no worker has planned has no row, and sums of nothing', async () => {
  const unplanned = randomUUID();
  expect(await findPlannedRun(pool(), unplanned)).toBeNull();
  expect(await findPlannedRun(pool(), 'no id at all')).toBeNull();
  expect([...(await plannedAmong(pool(), [unplanned, runId]))]).toEqual([runId]);
  expect(await sumUpRun(pool(), unplanned)).toMatchObject({ runId: unplanned, vehicles: 0, rows: 0 });
});
