import { expect, test } from '@jest/globals';
import { isWorthComparing, judgeStep } from '../../../src/workflows/legacy-sync/judge-step.ts';
import type { StepMeasure } from '../../../src/workflows/legacy-sync/rollout-contract.ts';

const RUN = { runId: 'run-1', state: 'completed', vehicles: 100, succeeded: 100, worked: 100, failed: 0 };
const COMPARED = {
  reconciliationId: 'comparison-1',
  state: 'completed',
  vehicles: 100,
  compared: 100,
  missing: 0,
  changed: 0,
  extra: 0,
};
const CLOSED = { state: 'closed', code: null, reopened: false } as const;

const step = (over: Partial<StepMeasure> = {}): StepMeasure => ({
  run: RUN,
  reconciliation: COMPARED,
  circuit: CLOSED,
  ...over,
});
const ran = (over: Partial<typeof RUN>): StepMeasure => step({ run: { ...RUN, ...over } });
const compared = (over: Partial<typeof COMPARED>): StepMeasure => step({ reconciliation: { ...COMPARED, ...over } });
const FOUR = { workers: 4 };
const judge = (measured: StepMeasure) => judgeStep('depot', FOUR, measured);

test.each([
  ['all', step()],
  ['99 of 100', ran({ succeeded: 99, failed: 1 })],
  ['9,900 of 10,000', ran({ vehicles: 10_000, succeeded: 9_900, failed: 100 })],
  // Beyond what a number multiplied by 100 would still be exact for, there are no fleets.
  ['one of one', ran({ vehicles: 1, succeeded: 1, worked: 1 })],
])('good: %s', (_, measured) => {
  expect(judge(measured)).toEqual({ good: true, idle: false, reasons: [] });
});

test.each<[string, StepMeasure, RegExp]>([
  [
    '98.99 %',
    ran({ vehicles: 10_000, succeeded: 9_899, failed: 101 }),
    /^98\.99 % of 10000 vehicles succeeded \(9899\), and 99 % must: 101 failed\. `fleetgraph status run-1`/,
  ],
  // 98.999… % is not shown as 99 %.
  ['just below', ran({ vehicles: 1_000_000, succeeded: 989_999, failed: 10_001 }), /^98\.99 % of/],
  ['98 of 99', ran({ vehicles: 99, succeeded: 98, failed: 1 }), /^98\.98 % of 99 vehicles/],
  [
    'cancelled',
    ran({ state: 'cancelled', succeeded: 40, failed: 2 }),
    /^40 % .*: 2 failed, 58 were not synced: the run is cancelled/,
  ],
  [
    'no vehicle',
    ran({ vehicles: 0, succeeded: 0 }),
    /^Fleet sync run-1 is completed and had no vehicle, so it proves nothing/,
  ],
  ['no run', step({ run: null, reconciliation: null }), /^Nothing was synced/],
  ['not compared', step({ reconciliation: null }), /^Nothing was compared/],
  [
    'missing',
    compared({ missing: 1 }),
    /^Rows differ .*: 1 missing, 0 changed, 0 extra\. .*`fleetgraph reconcile repair comparison-1`/,
  ],
  ['changed', compared({ changed: 1 }), /0 missing, 1 changed, 0 extra/],
  ['extra', compared({ extra: 1 }), /0 missing, 0 changed, 1 extra/],
  [
    'a vehicle that was not compared',
    compared({ compared: 99 }),
    /^99 of 100 vehicles were compared .*, and all must be/,
  ],
  ['a comparison that was cancelled', compared({ state: 'cancelled' }), /the reconciliation is cancelled/],
  [
    'open',
    step({ circuit: { ...CLOSED, state: 'open', code: 'SshUnreachable' } }),
    /^The circuit of depot is open \(SshUnreachable\).*servers test depot/,
  ],
  ['half-open', step({ circuit: { ...CLOSED, state: 'half-open' } }), /is half-open, and it must be closed/],
  ['held', step({ circuit: { ...CLOSED, state: 'held', code: 'HostKeyMismatch' } }), /is held .*close-circuit depot/],
  ['opened meanwhile', step({ circuit: { ...CLOSED, reopened: true } }), /opened while the step ran/],
])('not good, and why: %s', (_, measured, why) => {
  expect(judge(measured)).toEqual({ good: false, idle: false, reasons: [expect.stringMatching(why)] });
});

test.each([
  // A place for each that is worked on: no more are needed, and no fewer show as many at a time.
  [{ workers: 4, vehicles: 8, worked: 4 }, null],
  [{ workers: 4, vehicles: 8, worked: 3 }, 'Only 3 of 8 vehicles had new rows, which does not show 4 at a time.'],
  [{ workers: 4, vehicles: 8, worked: 1 }, 'Only 1 of 8 vehicles had new rows, which does not show 4 at a time.'],
  [{ workers: 8, vehicles: 5, worked: 5 }, null],
  [{ workers: 8, vehicles: 5, worked: 4 }, 'Only 4 of 5 vehicles had new rows, which does not show 5 at a time.'],
  [{ workers: 1, vehicles: 2, worked: 1 }, null],
  [{ workers: 1, vehicles: 2, worked: 0 }, 'Only 0 of 2 vehicles had new rows, which does not show 1 at a time.'],
])('what was worked on has to show as many at a time as the step has places: %j', (seen, why) => {
  const { workers, vehicles, worked } = seen;
  const measured = ran({ vehicles, succeeded: vehicles, worked });
  const again = ' Run it again when there is more to do: `fleetgraph rollout advance depot --again`.';
  const reasons = why === null ? [] : [why + again];
  expect(judgeStep('depot', { workers }, measured)).toEqual({ good: why === null, idle: why !== null, reasons });
  // Nothing is compared for a step that proves nothing.
  expect(isWorthComparing('depot', { workers }, { ...measured, reconciliation: null })).toBe(why === null);
});

test('what has to be mended is told first, and is not waited for', () => {
  const measured = ran({ vehicles: 8, succeeded: 7, worked: 0, failed: 1 });
  expect(judge(measured)).toEqual({ good: false, idle: false, reasons: [expect.stringMatching(/^87\.5 % of 8/)] });
  const differing = step({ run: { ...RUN, worked: 0 }, reconciliation: { ...COMPARED, missing: 1 } });
  expect(judge(differing)).toMatchObject({ idle: false, reasons: [expect.stringMatching(/^Rows differ/)] });
});

test('every reason is told', () => {
  const measured = {
    run: { ...RUN, succeeded: 50, failed: 50 },
    reconciliation: { ...COMPARED, compared: 1, missing: 2 },
  };
  expect(judge(step({ ...measured, circuit: { ...CLOSED, state: 'open' } })).reasons).toHaveLength(4);
});

test('nothing is compared after a run that was not good already', () => {
  expect(isWorthComparing('depot', FOUR, ran({ succeeded: 99, failed: 1 }))).toBe(true);
  expect(isWorthComparing('depot', FOUR, ran({ succeeded: 98, failed: 2 }))).toBe(false);
  expect(isWorthComparing('depot', FOUR, step({ circuit: { ...CLOSED, state: 'open' } }))).toBe(false);
});
