import { MOST_SLOTS } from '../../../settings/legacy-sync/worker-pool.ts';
import type { RolloutStep } from '../../../workflows/legacy-sync/rollout-contract.ts';

/** How many vehicles the first two steps take. */
const TEST_VEHICLES = 2;
const PILOT_VEHICLES = 3;

/**
 * Lays out the steps of a rollout: few vehicles one at a time, a few more two at a time, then all of them, twice as many at a time with each step up
 * to `most`, and at last with the limit that adapts. `limit` is the server's own limit at the end.
 */
export function layOutSteps({
  vehicles,
  limit,
  ...wanted
}: {
  vehicles: number;
  most: number;
  limit: number | null;
}): RolloutStep[] {
  // No run has more slots, whatever the server would take.
  const most = Math.min(wanted.most, MOST_SLOTS);
  const step = (name: RolloutStep['name'], count: number | null, workers: number): RolloutStep => ({
    name,
    vehicles: count,
    workers,
    limit: workers,
    adaptive: false,
  });
  const pilot = vehicles > TEST_VEHICLES ? [step('pilot', PILOT_VEHICLES, Math.min(2, most))] : [];
  // More at a time than there are vehicles would prove nothing that the step before has not.
  const rungs = doubling(Math.min(most, vehicles)).map((workers) => step('gradual', null, workers));
  return [step('test', TEST_VEHICLES, 1), ...pilot, ...rungs, { ...step('full', null, most), limit, adaptive: true }];
}

/** 2, 4, 8 … and then `top`. */
function doubling(top: number): number[] {
  const rungs: number[] = [];
  for (let workers = 2; workers < top; workers *= 2) rungs.push(workers);
  return [...rungs, top];
}
