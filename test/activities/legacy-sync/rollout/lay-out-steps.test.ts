import { expect, test } from '@jest/globals';
import { layOutSteps } from '../../../../src/activities/legacy-sync/rollout/lay-out-steps.ts';

/** `pilot 3/2`: three vehicles, two at a time; `*`: all. */
const told = (size: { vehicles: number; most: number; limit?: number | null }): string[] =>
  layOutSteps({ limit: null, ...size }).map(({ name, vehicles, workers }) => `${name} ${vehicles ?? '*'}/${workers}`);

test.each([
  [1_000, 8, ['test 2/1', 'pilot 3/2', 'gradual */2', 'gradual */4', 'gradual */8', 'full */8']],
  [1_000, 6, ['test 2/1', 'pilot 3/2', 'gradual */2', 'gradual */4', 'gradual */6', 'full */6']],
  [1_000, 2, ['test 2/1', 'pilot 3/2', 'gradual */2', 'full */2']],
  [1_000, 1, ['test 2/1', 'pilot 3/1', 'gradual */1', 'full */1']],
  // More at a time than there are vehicles would prove nothing.
  [5, 8, ['test 2/1', 'pilot 3/2', 'gradual */2', 'gradual */4', 'gradual */5', 'full */8']],
  [2, 8, ['test 2/1', 'gradual */2', 'full */8']],
  [1, 8, ['test 2/1', 'gradual */1', 'full */8']],
])('of %i vehicles, %i at the most', (vehicles, most, steps) => {
  expect(told({ vehicles, most })).toEqual(steps);
});

test('no step has more slots than a run may have; the limit of the server stays its own', () => {
  const steps = layOutSteps({ vehicles: 2_000, most: 1_200, limit: 1_200 });
  expect(steps.slice(-3).map(({ name, workers, limit }) => [name, workers, limit])).toEqual([
    ['gradual', 512, 512],
    ['gradual', 1_000, 1_000],
    ['full', 1_000, 1_200],
  ]);
});

test('the limit of the server follows the steps, and is its own again at the end, where it adapts', () => {
  const steps = layOutSteps({ vehicles: 100, most: 4, limit: null });
  expect(steps.map(({ limit, adaptive }) => [limit, adaptive])).toEqual([
    [1, false],
    [2, false],
    [2, false],
    [4, false],
    [null, true],
  ]);
});
