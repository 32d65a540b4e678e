import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cutIntoSlices } from '../../../../src/activities/legacy-sync/fleet/cut-into-slices.ts';
import { type ReadsRequest, planReads } from '../../../../src/activities/legacy-sync/fleet/plan-reads.ts';
import type { PlannedVehicle } from '../../../../src/records/vehicle-syncs.ts';

const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);

const vehicle = (id: number, over: Partial<PlannedVehicle> = {}): PlannedVehicle => ({
  vehicleId: String(id),
  priority: 0,
  mode: 'delta',
  fromId: '100000',
  newRows: 20,
  capped: false,
  maxId: '140000',
  ...over,
});
const fleet = (count: number, over: Partial<PlannedVehicle> = {}) =>
  Array.from({ length: count }, (_, index) => vehicle(index + 1, over));

const namesOf = (vehicles: readonly PlannedVehicle[], name = (id: string) => id) =>
  new Map(vehicles.map(({ vehicleId }) => [vehicleId, name(vehicleId)]));

function plan(vehicles: PlannedVehicle[], settings: Partial<ReadsRequest['settings']> = {}, rows = 140_000) {
  return planReads({
    vehicles: new Map([['positions', vehicles]]),
    legacyIds: namesOf(vehicles),
    tables: new Map([['positions', { minId: 1n, maxId: 140_000n, rows, byVehicle: true, uniqueIds: true }]]),
    settings: { exportUnit: 'auto', tableMinVehicles: 100, overlapIds: 5_000, rangeRows: 200_000, ...settings },
    workers: 1,
  });
}

describe('the slices of a span', () => {
  test(`have no gap and none too many (FC_SEED=${seed})`, () => {
    const input = fc.record({
      from: fc.bigInt({ min: 0n, max: 2n ** 62n }),
      ids: fc.bigInt({ min: 1n, max: 2n ** 40n }),
      rows: fc.nat(5_000_000),
      rangeRows: fc.integer({ min: 1, max: 300_000 }),
      workers: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(input, ({ from, ids, ...how }) => {
        const slices = cutIntoSlices({ fromId: from, toId: from + ids }, how);
        expect(slices[0]!.fromId).toBe(String(from));
        expect(slices.at(-1)!.toId).toBe(String(from + ids));
        // Not an expectation for each: there may be thousands, two hundred times.
        const wrong = slices.filter(
          (slice, index) =>
            BigInt(slice.toId) <= BigInt(slice.fromId) || (index > 0 && slice.fromId !== slices[index - 1]!.toId),
        );
        expect(wrong).toEqual([]);
        expect(slices.length).toBeLessThanOrEqual(10_000);
      }),
      { seed, numRuns: 200 },
    );
  });

  test('no slice has more rows than a range, and each worker slot has one where there is enough', () => {
    const slices = (rows: number, workers: number) =>
      cutIntoSlices({ fromId: 0n, toId: 800_000n }, { rows, rangeRows: 200_000, workers }).length;
    expect([slices(800_000, 1), slices(800_001, 1), slices(150_000, 3), slices(30_000, 3)]).toEqual([4, 5, 3, 1]);
  });

  test('the first is cut in two where slots work side by side: imports begin while the others dump', () => {
    const rows = (workers: number) =>
      cutIntoSlices({ fromId: 0n, toId: 1_600_000n }, { rows: 800_000, rangeRows: 200_000, workers }).map(
        ({ plannedRows, toId }) => [plannedRows, Number(toId)],
      );
    const whole = [
      [200_000, 800_000],
      [200_000, 1_200_000],
      [200_000, 1_600_000],
    ];
    expect(rows(4)).toEqual([[80_000, 160_000], [120_000, 400_000], ...whole]);
    expect(rows(1)).toEqual([[200_000, 400_000], ...whole]);
  });
});

describe('auto', () => {
  test('reads a large fleet’s news together', () => {
    const [read] = plan(fleet(2_000));
    expect(read).toMatchObject({ table: 'positions', overlapIds: 5_000 });
    expect(read!.vehicleIds).toHaveLength(2_000);
    expect(read!.slices).toMatchObject([{ fromId: '95000', toId: '140000' }]);
  });

  test('leaves fewer vehicles than the setting says to themselves', () => {
    expect(plan(fleet(99))).toEqual([]);
    expect(plan(fleet(100))).toHaveLength(1);
  });

  test('leaves the few that are far behind to themselves', () => {
    const behind = [vehicle(901, { fromId: '0', newRows: 10 }), vehicle(902, { fromId: '500', newRows: 10 })];
    const far = plan(
      [...fleet(150), ...behind].map((each) => ({
        ...each,
        maxId: String(BigInt(each.maxId) + 10_000_000n),
        fromId: each.fromId === '100000' ? '10100000' : each.fromId,
      })),
      {},
      10_140_000,
    );
    expect(far[0]!.vehicleIds).toHaveLength(150);
  });

  test('does not read a table of which next to nothing is wanted', () => {
    expect(plan(fleet(100, { fromId: '0', newRows: 1, maxId: '90000000' }), {}, 90_000_000)).toEqual([]);
  });

  test('begins no further down than the table has rows', () => {
    const vehicles = fleet(200, { fromId: '0', newRows: 700, maxId: '5000139999' });
    const [read] = planReads({
      vehicles: new Map([['positions', vehicles]]),
      legacyIds: namesOf(vehicles),
      tables: new Map([
        [
          'positions',
          { minId: 5_000_000_000n, maxId: 5_000_139_999n, rows: 139_000, byVehicle: true, uniqueIds: true },
        ],
      ]),
      settings: { exportUnit: 'auto', tableMinVehicles: 100, overlapIds: 5_000, rangeRows: 200_000 },
      workers: 1,
    });
    expect(read!.slices).toMatchObject([{ fromId: '4999999999', toId: '5000139999' }]);
  });
});

test('vehicle reads nothing together, table whatever is shared by two', () => {
  expect(plan(fleet(2_000), { exportUnit: 'vehicle' })).toEqual([]);
  expect(plan(fleet(2), { exportUnit: 'table' })[0]!.vehicleIds).toEqual(['1', '2']);
  expect(plan(fleet(1), { exportUnit: 'table' })).toEqual([]);
});

describe('rows of vehicles that nobody wants', () => {
  /** 200 vehicles with 20 new rows each, within the last `ids` of a table of ten million rows. */
  function unwanted(ids: number, { newRows = 20, byVehicle = true, name = (id: string) => id } = {}) {
    const fromId = String(10_000_000 - ids);
    const vehicles = fleet(200, { fromId, newRows, maxId: '10000000' });
    return planReads({
      vehicles: new Map([['positions', vehicles]]),
      legacyIds: namesOf(vehicles, name),
      tables: new Map([['positions', { minId: 1n, maxId: 10_000_000n, rows: 10_000_000, byVehicle, uniqueIds: true }]]),
      settings: { exportUnit: 'auto', tableMinVehicles: 100, overlapIds: 0, rangeRows: 200_000 },
      workers: 1,
    }).map((read) => ({ unwanted: read.unwanted, slices: read.slices.length, rows: read.slices[0]!.plannedRows }));
  }

  test('are sent where they are few, looked at there where they are more, and passed by with an index where they are most', () => {
    expect(unwanted(4_000)).toEqual([{ unwanted: 'sent', slices: 1, rows: 4_000 }]);
    expect(unwanted(10_000)).toEqual([{ unwanted: 'filtered', slices: 1, rows: 4_000 }]);
    expect(unwanted(500_000)).toEqual([{ unwanted: 'unread', slices: 1, rows: 4_000 }]);
  });

  test('are looked at where no index leads past them, in slices that look at no more than a dump has time for', () => {
    expect(unwanted(500_000, { byVehicle: false })).toMatchObject([{ unwanted: 'filtered', slices: 1 }]);
    expect(unwanted(5_000_000, { byVehicle: false })).toMatchObject([{ unwanted: 'filtered', slices: 3 }]);
  });

  test('are not sought by vehicle in most of a table: MySQL would take another index, and sort', () => {
    expect(unwanted(5_000_000)).toMatchObject([{ unwanted: 'filtered' }]);
  });

  test('are sent where the wanted vehicles’ names are too long for a statement', () => {
    expect(unwanted(10_000, { name: (id) => id.padStart(200, 'x') })).toMatchObject([
      { unwanted: 'sent', rows: 10_000 },
    ]);
  });

  test('are not those that a wanted vehicle has already: of one that stands further up, most are', () => {
    const low = fleet(120, { fromId: '9000000', newRows: 20, maxId: '10000000' });
    const high = fleet(120, { fromId: '9999000', newRows: 100, maxId: '10000000' }).map((each, index) => ({
      ...each,
      vehicleId: String(1_000 + index),
    }));
    const [read] = plan([...low, ...high], { overlapIds: 0 }, 10_000_000);
    expect(read!.vehicleIds).toHaveLength(240);
    expect(read!.unwanted).toBe('sent');
  });
});
