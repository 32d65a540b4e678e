import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { coordinateForm } from '../../src/legacy-inspection/coordinate-form.ts';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';
import { austin } from './austin.ts';
import { drive } from './drive.ts';

const real = austin();
const scaled = (fixes: SampledFix[], factor: number): SampledFix[] =>
  fixes.map((fix) => ({
    ...fix,
    latitude: Math.round(fix.latitude / factor),
    longitude: Math.round(fix.longitude / factor),
  }));
const swapped = (fixes: SampledFix[]): SampledFix[] =>
  fixes.map((fix) => ({ ...fix, latitude: fix.longitude, longitude: fix.latitude }));
const nmea = (value: number): number =>
  Math.sign(value) * (Math.floor(Math.abs(value)) * 100 + Number(((Math.abs(value) % 1) * 60).toFixed(4)));

test('degrees are degrees, and stand the right way round', () => {
  expect(coordinateForm(real)).toEqual({ form: { kind: 'degrees', factor: 1 }, swapped: false, why: [] });
});

describe('integers', () => {
  test.each([1e-5, 1e-6, 1e-7, 1 / 3_600_000])('of %f degrees', (factor) => {
    expect(coordinateForm(scaled(real, factor)).form).toEqual({ kind: 'degrees', factor });
  });

  test('that fit two factors, with speeds in one unit or another, are told so', () => {
    const { form, why } = coordinateForm(scaled(real, 1 / 600_000));
    expect(form).toEqual({ kind: 'degrees', factor: 1e-6, others: [1 / 600_000] });
    expect(why).toContainEqual(expect.stringMatching(/^it could also be 0.00000166/));
  });

  test('of a tracker without speeds', () => {
    const silent = drive({ seed: 5, latitude: 44.8, longitude: 20.4 }).map((fix) => ({ ...fix, speed: null }));
    expect(coordinateForm(scaled(silent, 1e-7)).form).toMatchObject({ kind: 'degrees', factor: 1e-7 });
  });

  test('that are no places at all', () => {
    const odd = real.map((fix, index) => ({
      ...fix,
      latitude: (index * 7_919_317) % 9e8,
      longitude: (index * 104_729_011) % 17e8,
    }));
    expect(coordinateForm(odd).form).toEqual({ kind: 'unsure' });
  });
});

test('ddmm.mmmm', () => {
  const fixes = real.map((fix) => ({ ...fix, latitude: nmea(fix.latitude), longitude: nmea(fix.longitude) }));
  expect(coordinateForm(fixes)).toMatchObject({ form: { kind: 'nmea' }, swapped: false });
});

describe('the wrong way round', () => {
  test('by what cannot be a latitude', () => {
    expect(coordinateForm(swapped(real))).toMatchObject({
      swapped: true,
      why: ['what is called latitude is the longitude'],
    });
  });

  test('by the headings, where both could be either', () => {
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.integer({ min: -60, max: 60 }),
        fc.integer({ min: -85, max: 85 }),
        (seed, latitude, longitude) => {
          const fixes = drive({ seed, latitude, longitude, fixes: 300 });
          expect(coordinateForm(fixes).swapped).not.toBe(true);
          expect(coordinateForm(swapped(fixes)).swapped).not.toBe(false);
        },
      ),
      { numRuns: 60 },
    );
    const belgrade = drive({ seed: 3, latitude: 44.8, longitude: 20.4 });
    expect([coordinateForm(belgrade).swapped, coordinateForm(swapped(belgrade)).swapped]).toEqual([false, true]);
  });

  test('without a heading nothing tells', () => {
    const silent = drive({ seed: 3, latitude: 44.8, longitude: 20.4 }).map((fix) => ({ ...fix, heading: null }));
    expect(coordinateForm(silent)).toMatchObject({ swapped: null, why: [expect.stringMatching(/nothing tells/)] });
  });
});

test('too few fixes tell nothing', () => {
  expect(coordinateForm(real.slice(0, 19))).toMatchObject({ form: { kind: 'unsure' }, why: ['19 fixes are too few'] });
});
