import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDumpConverter } from '../../../../src/activities/legacy-sync/dump/dump-converter.ts';
import type { VehicleCounts, WantedRows } from '../../../../src/activities/legacy-sync/dump/vehicle-lane.ts';
import { convert, dumpText, optionsFor, type Row } from './dump-text.ts';
import { readTuples } from './read-tuples.ts';

const EXTRA: [string, string][] = [['a', 'varchar']];
const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
const ZONE = 'America/Chicago';

function convertTable(rows: readonly Row[], vehicles: readonly WantedRows[], timeZone = ZONE) {
  const {
    vehicleId: _1,
    legacyVehicleId: _2,
    watermark: _3,
    seenFromId: _4,
    ...shared
  } = optionsFor(
    EXTRA,
    {},
    {
      timeZone,
    },
  ) as ReturnType<typeof optionsFor> & WantedRows;
  const converter = createDumpConverter({ ...shared, fromId: 1n, toId: 1_000_000n, vehicles });
  converter.write(Buffer.from(dumpText(rows, { extra: EXTRA })));
  const summary = converter.end();
  return {
    summary,
    fresh: readTuples(converter.takeFresh()),
    overlap: readTuples(converter.takeOverlap()),
    quarantined: converter.takeQuarantined(),
    vehicles: converter.vehicles(),
    ambiguous: [...converter.ambiguous()].toSorted((a, b) => (a < b ? -1 : 1)),
  };
}

const wanted = (vehicleId: string, over: Partial<WantedRows> = {}): WantedRows => ({
  vehicleId,
  legacyVehicleId: vehicleId,
  fromId: 1n,
  watermark: 0n,
  toId: 1_000_000n,
  seenFromId: 0n,
  ...over,
});

/** Rows of up to five vehicles in one table: good ones, bad ones, times of an autumn night that happened twice. */
const row = fc.record({
  vehicle: fc.integer({ min: 1, max: 5 }),
  minute: fc.integer({ min: 0, max: 200 }),
  bad: fc.constantFrom('', '', '', '', 'lat', 'time'),
});
const table = fc.array(row, { maxLength: 60 }).map((rows) =>
  rows.map(({ vehicle, minute, bad }, index): Row & { vehicle_id: string; id: string } => {
    const at = new Date(Date.UTC(2025, 10, 2, 0, minute)).toISOString();
    const t = bad === 'time' ? 'NULL' : `'${at.slice(0, 10)} ${at.slice(11, 19)}'`;
    const place = bad === 'lat' ? { lat: '99' } : {};
    return { id: String(index + 1), vehicle_id: String(vehicle), t, a: `'row ${index}'`, ...place };
  }),
);
const bounds = fc.array(fc.record({ watermark: fc.nat(60), overlap: fc.nat(20), length: fc.nat(60) }), {
  minLength: 3,
  maxLength: 4,
});

describe('the dump of a table', () => {
  test(`gives each vehicle what a dump of its own would (FC_SEED=${seed})`, () => {
    fc.assert(
      fc.property(table, bounds, (rows, each) => {
        const vehicles = each.map(({ watermark, overlap, length }, index) =>
          wanted(String(index + 1), {
            watermark: BigInt(watermark),
            fromId: BigInt(Math.max(1, watermark + 1 - overlap)),
            toId: BigInt(watermark + length),
            seenFromId: BigInt(Math.max(0, watermark + length - 10)),
          }),
        );
        const read = convertTable(rows, vehicles);
        let taken = 0;
        for (const vehicle of vehicles) {
          const own = rows.filter(({ id, vehicle_id }) => {
            const inside = BigInt(id) >= vehicle.fromId && BigInt(id) <= vehicle.toId;
            return vehicle_id === vehicle.vehicleId && inside;
          });
          const alone = convert(dumpText(own, { extra: EXTRA }), optionsFor(EXTRA, {}, { ...vehicle, timeZone: ZONE }));
          const ofVehicle = <T extends { vehicleId: bigint | string }>(all: T[]): T[] =>
            all.filter(({ vehicleId }) => String(vehicleId) === vehicle.vehicleId);
          expect(ofVehicle(read.fresh)).toEqual(alone.fresh);
          expect(ofVehicle(read.overlap)).toEqual(alone.overlap);
          expect(ofVehicle(read.quarantined)).toEqual(alone.quarantined);
          const { rows: count, fresh, overlap, quarantined, newRows, seen } = alone.summary;
          const counts: Partial<VehicleCounts> = { rows: count, fresh, overlap, quarantined, newRows, seen };
          if (own.length > 0) expect(read.vehicles.get(vehicle.vehicleId)).toMatchObject(counts);
          else expect(read.vehicles.has(vehicle.vehicleId)).toBe(false);
          taken += own.length;
        }
        expect(read.summary).toMatchObject({ rows: rows.length, skipped: rows.length - taken });
        expect(read.ambiguous).toEqual([]);
      }),
      { seed, numRuns: 300 },
    );
  });

  test('rows of vehicles that nobody wants are counted and left', () => {
    const rows = ['7', '8', '7', '9', '7'].map((vehicle_id) => ({ vehicle_id }));
    const { summary, fresh } = convertTable(rows, [wanted('7')]);
    expect(summary).toMatchObject({ rows: 5, fresh: 3, skipped: 2 });
    expect(fresh).toHaveLength(3);
  });

  test('a row outside of the range that was asked for makes it corrupt', () => {
    expect(() => convertTable([{ id: '1000001' }], [wanted('7')])).toThrow(/outside of 1 to 1000000/);
  });

  test('a value that MySQL takes for a vehicle’s and that is another text leaves that vehicle to a dump of its own', () => {
    const rows = ["'Bus-1'", "'BUS-1 '", "'bus-2'", "'017'", "'été'"].map((vehicle_id) => ({ vehicle_id }));
    const vehicles = ['Bus-1', 'bus-2', '17', 'ete'].map((legacyVehicleId, index) =>
      wanted(String(index + 1), { legacyVehicleId }),
    );
    expect(convertTable(rows, vehicles)).toMatchObject({
      ambiguous: ['1', '3', '4'],
      summary: { fresh: 2, skipped: 3 },
    });
  });

  test('two vehicles whose ids MySQL may take for one are both left to dumps of their own', () => {
    const vehicles = ['a1', 'A1', '7', '07', 'b'].map((legacyVehicleId, index) =>
      wanted(String(index + 1), { legacyVehicleId }),
    );
    expect(convertTable([], vehicles).ambiguous).toEqual(['1', '2', '3', '4']);
  });
});
