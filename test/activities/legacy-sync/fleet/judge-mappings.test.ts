import { beforeEach, describe, expect, test } from '@jest/globals';
import { mappingFindings } from '../../../../src/cli/doctor/mapping-findings.ts';
import type { Session } from '../../../../src/cli/session.ts';
import { readLegacyServer, updateLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { findPlannedRun } from '../../../../src/records/sync-runs.ts';
import {
  addServer,
  aServer,
  completed,
  fakePlanner,
  fleetDatabase,
  fleetOf,
  slotOf,
  startRun,
} from '../../../support/fleet-fixture.ts';
import { drive } from '../../../legacy-inspection/drive.ts';

const pool = fleetDatabase();
const KNOTS = 1.852;
const { columns } = aServer('depot-1');
const mapped = (unit: 'kmh' | 'knots') => ({ columns: { ...columns, speedKmh: { column: 'speed', unit } } });

beforeEach(async () => {
  await pool().query('TRUNCATE positions');
  await addServer(pool(), 'depot-1', { first: 1, count: 2, over: mapped('kmh') });
  await addServer(pool(), 'depot-2', { first: 3, count: 1, over: mapped('kmh') });
});

/** A run that brings `fixes` rows of each vehicle, whose speeds are `times` too small on depot-1 and right on depot-2; with what it warns of. */
async function runThatBrings(fixes: number, times: number, from = 0) {
  const fleet = fleetOf(pool(), { planner: fakePlanner(() => fixes) });
  const runId = await startRun(fleet);
  for (const id of ['1', '2', '3']) {
    const rows = drive({
      seed: Number(id),
      latitude: 62,
      longitude: 129,
      fixes: from + fixes,
      kmhPerOne: id === '3' ? 1 : times,
    });
    await pool().query(
      `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude, speed_kmh, heading_deg)
       SELECT $1, to_timestamp(seconds), id, latitude, longitude, speed, heading
         FROM jsonb_to_recordset($2) AS row(id int, seconds float8, latitude float8, longitude float8, speed float8, heading float8)`,
      [id, JSON.stringify(rows.map((row, at) => ({ id: at + 1, ...row })).slice(from))],
    );
    await pool().query(
      `INSERT INTO import_ledger (vehicle_id, run_id, from_id, watermark, to_id, sha256, rows, inserted, duplicates, quarantined, bytes)
       VALUES ($1, $2, $3 + 1, $3, $4, repeat('a', 64), $5, $5, 0, 0, 1)`,
      [id, runId, from, from + fixes, fixes],
    );
  }
  const slot = slotOf(fleet, runId, 1);
  let { vehicleId } = await slot.claim();
  for (const _ of ['second', 'third']) ({ vehicleId } = await slot.claim(completed(vehicleId)));
  await slot.ask(completed(vehicleId));
  await fleet.finishRun({ runId, outcome: 'completed' });
  return { runId, warnings: (await findPlannedRun(pool(), runId))!.warnings };
}

const doctor = async () =>
  (await mappingFindings({ postgres: pool() } as unknown as Session)).map(({ subject }) => subject);
const INKNOTS = {
  serverId: 'depot-1',
  found: expect.stringMatching(
    /^the mapping contradicts its rows: .*speed is mapped as kmh.* 1\.8\d times .*in knots$/,
  ),
};

describe('a run whose rows contradict the mapping of their server', () => {
  test('says so, and the doctor does until the mapping is corrected and new rows bear it out', async () => {
    expect((await runThatBrings(800, KNOTS)).warnings).toEqual([INKNOTS]);
    expect(await doctor()).toEqual(['mapping of depot-1']);
    // A few rows tell nothing: what was found holds.
    expect((await runThatBrings(20, KNOTS, 800)).warnings).toEqual([INKNOTS]);

    await updateLegacyServer(pool(), { ...(await readLegacyServer(pool(), 'depot-1')), ...mapped('knots') } as never);
    expect(await doctor()).toEqual([]);
    // The rows from before are as wrong as ever, and are not held against the new mapping.
    expect((await runThatBrings(100, 1, 820)).warnings).toEqual([]);
    expect((await runThatBrings(800, 1, 920)).warnings).toEqual([]);
    expect(await doctor()).toEqual([]);
  });
});
