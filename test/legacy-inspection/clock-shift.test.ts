import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clockShift } from '../../src/legacy-inspection/clock-shift.ts';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';
import { drive } from './drive.ts';

const fixes = drive({ seed: 9, latitude: 44.8, longitude: 20.4 });
const ahead = (seconds: number, from: SampledFix[] = fixes): SampledFix[] =>
  from.map((fix) => ({ ...fix, seconds: fix.seconds + seconds }));

test('times that agree', () => {
  expect(clockShift(fixes)).toEqual({ aheadSeconds: 0, why: 'times of fixes and of receipt agree' });
});

test('any zone instead of any other', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -56, max: 56 }).filter((quarters) => quarters !== 0),
      (quarters) => {
        expect(clockShift(ahead(quarters * 900)).aheadSeconds).toBe(quarters * 900);
      },
    ),
  );
  expect(clockShift(ahead(9 * 3600)).why).toBe("the fixes' times are 9 h ahead of the times of receipt");
  expect(clockShift(ahead(-5.5 * 3600)).why).toBe("the fixes' times are 5.5 h behind the times of receipt");
});

test('a third of the fixes sent late changes nothing', () => {
  const late = fixes.map((fix, index) =>
    index % 3 === 0 ? { ...fix, receivedSeconds: fix.receivedSeconds! + 7_000 } : fix,
  );
  expect(clockShift(ahead(3600, late)).aheadSeconds).toBe(3600);
});

test.each([
  ['few rows', fixes.slice(0, 29)],
  ['no time of receipt', fixes.map((fix) => ({ ...fix, receivedSeconds: null }))],
  [
    'fixes that are sent once a day',
    fixes.map((fix, index) => ({ ...fix, receivedSeconds: fix.seconds + index * 97 })),
  ],
  ['a clock that is seven minutes off', ahead(-7 * 60)],
])('%s tell nothing', (_name, sample) => {
  expect(clockShift(sample).aheadSeconds).toBeNull();
});
