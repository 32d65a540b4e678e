import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Failure } from '../../../../src/errors.ts';
import { findPlannedRun } from '../../../../src/records/sync-runs.ts';
import type { PlanRunInput } from '../../../../src/workflows/legacy-sync/activities.ts';
import { addServer, fleetDatabase, fleetOf, set } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

const inputFor = (over: Partial<PlanRunInput> = {}): PlanRunInput => ({
  runId: randomUUID(),
  workflowId: 'fleet-sync/all',
  selection: { kind: 'all' },
  mode: 'delta',
  requestedBy: 'ann',
  maxWorkers: null,
  ...over,
});

describe('a fleet whose tables are of a month each', () => {
  const months = ['gps_2025_05', 'gps_2025_06', 'gps_2025_07'];
  const found = months.flatMap((table, at) =>
    ['a', 'b', 'c'].slice(0, at + 1).map((key) => ({
      table,
      legacyVehicleId: key,
      label: `Bus ${key}`,
      series: `gps ${key}`,
    })),
  );
  const vehicles = async () =>
    (
      await pool().query(
        'SELECT id::int, label, legacy_table, part_of::int, priority, enabled FROM vehicles ORDER BY id',
      )
    ).rows;

  beforeEach(async () => {
    await addServer(pool(), 'depot-1', { first: 1, count: 2 });
    await pool().query(
      "UPDATE vehicles SET legacy_table = 'gps_2025_06', legacy_vehicle_id = CASE id WHEN 1 THEN 'a' ELSE 'b' END, priority = id, enabled = id = 1",
    );
  });

  test('is found in all of them before a run, one vehicle with its parts, as important and as enabled as it is', async () => {
    const fleet = fleetOf(pool(), { discover: async () => found });
    const input = inputFor({ selection: { kind: 'list', vehicleIds: ['1'] } });
    expect(await fleet.planRun(input)).toMatchObject({ planned: 3 });
    const part = (id: number, table: string, whole: number) => ({
      id,
      label: `bus ${whole} (${table})`,
      legacy_table: table,
      part_of: whole,
      priority: whole,
      enabled: whole === 1,
    });
    // Nothing of bus c, which nobody has asked for.
    expect((await vehicles()).slice(2)).toEqual([
      part(3, 'gps_2025_05', 1),
      part(4, 'gps_2025_07', 1),
      part(5, 'gps_2025_07', 2),
    ]);
    const { rows } = await pool().query("SELECT actor, reason FROM audit_log WHERE action = 'vehicle.created'");
    expect(rows).toEqual(
      Array.from({ length: 3 }, () => ({
        actor: `run ${input.runId}`,
        reason: 'rows of a known vehicle in the table of another month',
      })),
    );
    expect(await fleet.planRun(inputFor({ selection: { kind: 'first', count: 1 } }))).toMatchObject({ planned: 3 });
    expect(await fleet.planRun(inputFor())).toMatchObject({ planned: 3 });
    expect(await vehicles()).toHaveLength(5);
  });

  test('with auto_add gets its new buses, too, and their months as parts', async () => {
    await set(pool(), 'vehicles.auto_add', true);
    const two = [...found, { ...found.at(-1)!, table: 'gps_2025_08' }];
    const fleet = fleetOf(pool(), { discover: async () => two });
    expect(await fleet.planRun(inputFor())).toMatchObject({ planned: 5 });
    expect((await vehicles()).slice(-2)).toMatchObject([
      { label: 'Bus c', legacy_table: 'gps_2025_07', part_of: null },
      { label: 'Bus c (gps_2025_08)', part_of: 6 },
    ]);
  });

  test('a run in which nobody could look for new months says so', async () => {
    const discover = async () => {
      throw new Failure('NoIndexOnVehicle', 'CREATE INDEX in a test');
    };
    const input = inputFor();
    expect(await fleetOf(pool(), { discover }).planRun(input)).toMatchObject({ planned: 1 });
    expect((await findPlannedRun(pool(), input.runId))?.warnings).toEqual([
      {
        serverId: 'depot-1',
        found: 'nobody could look for tables of new months: NoIndexOnVehicle: CREATE INDEX in a test',
      },
    ]);
  });
});
