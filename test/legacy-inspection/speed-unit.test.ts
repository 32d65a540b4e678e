import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';
import { speedUnit } from '../../src/legacy-inspection/speed-unit.ts';
import { SPEED_UNITS, type SpeedUnit } from '../../src/settings/units.ts';
import { austin } from './austin.ts';
import { drive, randomOf } from './drive.ts';

const UNITS = Object.keys(SPEED_UNITS) as SpeedUnit[];
const real = austin();

/** The real speeds in another unit, each off by up to `noise` of itself. */
function inUnit(unit: SpeedUnit, noise: number, seed = 1): SampledFix[] {
  const random = randomOf(seed);
  const factor = SPEED_UNITS.mph / SPEED_UNITS[unit];
  return real.map((fix) => ({ ...fix, speed: fix.speed! * factor * (1 + noise * (2 * random() - 1)) }));
}

describe('real buses, a fix every two minutes', () => {
  test.each(UNITS.flatMap((unit) => [0, 0.1, 0.3].map((noise) => [unit, noise] as const)))(
    '%s with noise %f',
    (unit, noise) => {
      expect(speedUnit(inUnit(unit, noise))).toMatchObject({ unit });
    },
  );

  test('in whole numbers, as trackers report them', () => {
    for (const unit of UNITS) {
      const rounded = inUnit(unit, 0).map((fix) => ({ ...fix, speed: Math.round(fix.speed!) }));
      expect([unit, speedUnit(rounded).unit]).toEqual([unit, unit]);
    }
  });

  test('one fix of twenty somewhere else changes nothing', () => {
    const jumping = inUnit('knots', 0.1).map((fix, index) =>
      index % 20 === 7 ? { ...fix, latitude: fix.latitude + 0.02 } : fix,
    );
    expect(['knots', 'unsure']).toContain(speedUnit(jumping).unit);
    expect(
      speedUnit(
        inUnit('knots', 0.1).map((fix, index) => (index % 20 === 7 ? { ...fix, latitude: 0, longitude: 0 } : fix)),
      ),
    ).toMatchObject({ unit: 'knots' });
  });

  test('says what it measured', () => {
    const { why, kmhPerOne } = speedUnit(real);
    expect(kmhPerOne).toBeGreaterThan(1.55);
    expect(kmhPerOne).toBeLessThan(1.68);
    expect(why).toMatch(/^a reported 1 is 1\.6\d km\/h \(± \d+ %\) by \d+ ways between fixes, and 1 mph is 1\.609344$/);
  });
});

test('a drive is known by its unit, whatever it is and wherever it goes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...UNITS),
      fc.nat(100_000),
      fc.integer({ min: -65, max: 70 }),
      fc.integer({ min: 2, max: 30 }),
      (unit, seed, latitude, every) => {
        const fixes = drive({ seed, latitude, longitude: 20, every, kmhPerOne: SPEED_UNITS[unit] });
        // It may be unsure; it may never be sure of another one.
        expect([unit, 'unsure']).toContain(speedUnit(fixes).unit);
      },
    ),
    { numRuns: 150 },
  );
});

test('a drive of an hour and a half with a fix every ten seconds is enough to be sure', () => {
  const found = UNITS.flatMap((unit) =>
    [1, 2, 3, 4, 5].map((seed) => [
      unit,
      speedUnit(drive({ seed, latitude: 62, longitude: 129, kmhPerOne: SPEED_UNITS[unit] })).unit,
    ]),
  );
  expect(found.filter(([unit, told]) => unit !== told)).toEqual([]);
});

test.each([
  ['too few fixes', real.slice(0, 40), /too few/],
  ['no speeds', real.map((fix) => ({ ...fix, speed: null })), /^0 ways/],
  ['speeds that are always 0', real.map((fix) => ({ ...fix, speed: 0 })), /unsure|near to no unit|too few/],
  ['tenths of km/h', real.map((fix) => ({ ...fix, speed: fix.speed! * 16.09344 })), /near to no unit/],
  [
    'speeds that have nothing to do with the way',
    real.map((fix, index) => ({ ...fix, speed: (index * 7919) % 300 })),
    /near to no unit/,
  ],
])('of %s it is unsure', (_name, fixes, why) => {
  expect(speedUnit(fixes)).toMatchObject({ unit: 'unsure', why: expect.stringMatching(why) });
});
