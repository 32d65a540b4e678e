import type { RolloutActivities, RolloutStep, StepMeasure } from '../../src/workflows/legacy-sync/rollout-contract.ts';

const STEP = { limit: 1, adaptive: false, workers: 1 };
const STEPS: RolloutStep[] = [
  { ...STEP, name: 'test', vehicles: 2 },
  { ...STEP, name: 'full', vehicles: null, adaptive: true },
];

/**
 * FAKE activities of a rollout of two steps, for histories of what its workflow decides. `differing`: of how many rows each comparison says that
 * they differ, in their order; none after that. `worked`: how many vehicles each sync has worked on; both after that.
 */
export function fakeRollout({
  differing = [],
  worked = [],
}: {
  differing?: number[];
  worked?: number[];
}): RolloutActivities {
  const left = [...differing];
  const work = [...worked];
  let opened = 0;
  let measured: StepMeasure = NOTHING;
  return {
    planRollout: async () => ({ steps: STEPS }),
    openStep: async ({ forNews }) => {
      if (!forNews) opened += 1;
      measured = NOTHING;
      return { number: opened };
    },
    noteStep: async ({ runId, reconciliationId }) => {
      if (runId !== undefined) {
        const run = { vehicles: 2, succeeded: 2, worked: work.shift() ?? 2, failed: 0 };
        measured = { ...measured, run: { runId, state: 'completed', ...run } };
      }
      if (reconciliationId === undefined) return;
      const found = { missing: left.shift() ?? 0, changed: 0, extra: 0 };
      measured = {
        ...measured,
        reconciliation: { reconciliationId, state: 'completed', vehicles: 2, compared: 2, ...found },
      };
    },
    measureStep: async () => measured,
    closeStep: async () => {},
    withdrawStep: async () => {},
    endRollout: async () => {},
  };
}

const NOTHING: StepMeasure = {
  run: null,
  reconciliation: null,
  circuit: { state: 'closed', code: null, reopened: false },
};
