import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCapmetrics } from '../../src/emulators/capmetrics.ts';
import { mappingDoubts } from '../../src/legacy-inspection/mapping-doubts.ts';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';
import { SPEED_UNITS, type SpeedUnit } from '../../src/settings/units.ts';
import { drive, randomOf } from './drive.ts';

const UNITS = Object.keys(SPEED_UNITS) as SpeedUnit[];
const speedIn = (unit: SpeedUnit) => ({ speedKmh: { column: 'speed', unit, factor: 1, decimalComma: false } });
/** Rows as a sync brings them that takes what is stored for `unit`. */
const arrive = (stored: readonly SampledFix[], unit: SpeedUnit): SampledFix[] =>
  stored.map((fix) => ({ ...fix, speed: fix.speed === null ? null : fix.speed * SPEED_UNITS[unit] }));
const doubts = (stored: readonly SampledFix[], unit: SpeedUnit) => mappingDoubts(speedIn(unit), arrive(stored, unit));

describe('a day of real buses, whose speeds are mph', () => {
  const vehicles = new Map<string, SampledFix[]>();
  beforeAll(async () => {
    const rows = await readCapmetrics(join(import.meta.dirname, '../../data/capmetrics'), 1_000);
    for (const row of rows) {
      const [latitude, longitude, speed] = [Number(row.latitude), Number(row.longitude), Number(row.speed)];
      const seconds = Date.parse(`${row.utcTime.replace(' ', 'T')}Z`) / 1000;
      const place = { seconds, latitude, longitude, speed, heading: null, receivedSeconds: null };
      const known = vehicles.get(row.vehicleId) ?? [];
      vehicles.set(row.vehicleId, [...known, { vehicle: row.vehicleId, ...place }]);
    }
  });
  /** The latest rows of some vehicles at some moment of their day, as a run finds them. */
  const samples = (rowsEach: number): SampledFix[][] => {
    const random = randomOf(rowsEach);
    const all = [...vehicles.values()];
    return Array.from({ length: 60 }, () =>
      Array.from({ length: 8 }, () => {
        const rows = all[Math.floor(random() * all.length)]!;
        const end = Math.ceil(random() * rows.length);
        return rows.slice(Math.max(0, end - rowsEach), end);
      }).flat(),
    );
  };

  test.each([40, 100, 400])('nothing is doubted where they are mapped so, %i rows of each', (rowsEach) => {
    for (const sample of samples(rowsEach)) {
      const { speed, place, clock } = doubts(sample, 'mph');
      expect([speed ?? null, place ?? null, clock ?? null]).toEqual([null, null, null]);
    }
  });

  test.each(['kmh', 'mps'] as const)('mapped as %s they are found out, more often than not in a single run', (unit) => {
    const found = samples(400).filter((sample) => doubts(sample, unit).speed?.endsWith('it is in mph'));
    expect(found.length).toBeGreaterThan(36);
  });
});

test('the right mapping of a drive is never doubted, whatever its unit is and wherever it goes', () => {
  const anywhere = fc.tuple(fc.nat(100_000), fc.integer({ min: -65, max: 70 }), fc.integer({ min: 2, max: 120 }));
  fc.assert(
    fc.property(fc.constantFrom(...UNITS), anywhere, (unit, [seed, latitude, every]) => {
      const fixes = drive({ seed, latitude, longitude: 20, every, kmhPerOne: SPEED_UNITS[unit] });
      const { speed, place, clock } = doubts(fixes, unit);
      expect([speed ?? null, place ?? null, clock ?? null]).toEqual([null, null, null]);
    }),
    { numRuns: 150 },
  );
});

describe('a drive with a fix every ten seconds', () => {
  const inUnit = (unit: SpeedUnit) => drive({ seed: 3, latitude: 62, longitude: 129, kmhPerOne: SPEED_UNITS[unit] });
  const wrong = UNITS.flatMap((unit) => UNITS.filter((other) => other !== unit).map((other) => [unit, other] as const));

  test.each(wrong)('in %s, mapped as %s, is doubted', (unit, mapped) => {
    const { speed } = doubts(inUnit(unit), mapped);
    expect(speed).toMatch(new RegExp(`speed is mapped as ${mapped}, .*it is in ${unit}$`));
  });

  test('is doubted where its coordinates have another factor', () => {
    const long = drive({ seed: 3, latitude: 62, longitude: 129, fixes: 2_400 });
    const scaled = long.map((fix) => ({ ...fix, latitude: fix.latitude / 10, longitude: fix.longitude / 10 }));
    expect(doubts(scaled, 'kmh').speed).toMatch(/no unit's: look at the factors of speed and of the coordinates/);
  });

  test('is doubted where latitude and longitude stand the wrong way round', () => {
    const fixes = drive({ seed: 3, latitude: 45, longitude: 20 });
    const turned = fixes.map((fix) => ({ ...fix, latitude: fix.longitude, longitude: fix.latitude }));
    expect(doubts(fixes, 'kmh').place).toBeNull();
    expect(doubts(turned, 'kmh').place).toMatch(/the wrong way round/);
  });

  test.each([-3, 2, 5.5])('is doubted where its times are read %f hours off', (hours) => {
    const shifted = inUnit('kmh').map((fix) => ({ ...fix, seconds: fix.seconds + hours * 3_600 }));
    expect(doubts(shifted, 'kmh').clock).toMatch(`${Math.abs(hours)} h ${hours > 0 ? 'ahead of' : 'behind'}`);
    expect(doubts(inUnit('kmh'), 'kmh').clock).toBeNull();
  });
});

test('too few rows say nothing, and neither do speeds that nobody mapped', () => {
  expect(doubts(drive({ seed: 1, latitude: 62, longitude: 129, fixes: 30 }), 'mph').speed).toBeUndefined();
  expect(mappingDoubts({}, drive({ seed: 1, latitude: 62, longitude: 129 })).speed).toBeUndefined();
});
