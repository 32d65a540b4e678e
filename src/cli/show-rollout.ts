import { type Rollout, type RolloutStepRow, currentRun, waitsForNews } from '../records/rollouts.ts';
import type { RolloutStep } from '../workflows/legacy-sync/rollout-contract.ts';
import { plainTable } from './run-table.ts';

/** Prints where a rollout stands; false: its current step was not good, or it did not end well. */
export function showRollout(rollout: Rollout): boolean {
  const { serverId, steps, runs, state, requestedBy, unattended, startedAt } = rollout;
  const current = currentRun(rollout);
  console.log(
    `rollout of ${serverId}: ${state}${unattended ? ', unattended' : ''}, started by ${requestedBy} ${startedAt.toISOString()}`,
  );
  const cells = steps.map((step, position) =>
    cellsOf(
      step,
      runs.findLast((run) => run.position === position),
    ),
  );
  console.log(plainTable(['step', 'vehicles', 'workers', 'state', 'succeeded', 'differing', 'run'], cells, 6));
  for (const kept of runs.flatMap((run) => run.kept)) console.log(`note: ${kept}.`);
  if (state !== 'running' || current === null) return state === 'running' || state === 'completed';
  const waits = waitsForNews(rollout);
  for (const reason of current.reasons) console.log(`${waits ? 'waits for news' : 'not good'}: ${reason}`);
  console.log(nextOf(rollout, current));
  return waits || current.state !== 'not-good';
}

export const nameOfStep = ({ name, workers }: RolloutStep): string =>
  name === 'gradual' ? `gradual, ${workers} workers` : name;

function cellsOf(step: RolloutStep, run: RolloutStepRow | undefined): string[] {
  const { run: synced = null, reconciliation = null } = run?.measured ?? {};
  return [
    nameOfStep(step),
    step.vehicles === null ? 'all' : `first ${step.vehicles}`,
    step.adaptive ? `up to ${step.workers}, adaptive` : String(step.workers),
    run === undefined ? 'to come' : run.state.replace('-', ' '),
    synced === null ? '–' : `${synced.succeeded} of ${synced.vehicles}`,
    reconciliation === null ? '–' : String(reconciliation.missing + reconciliation.changed + reconciliation.extra),
    run?.runId ?? '–',
  ];
}

function nextOf(rollout: Rollout, { state, position }: RolloutStepRow): string {
  const { serverId, steps } = rollout;
  const back = `\`fleetgraph rollout back ${serverId} --reason …\` takes the step back`;
  if (state === 'running') return `step ${nameOfStep(steps[position]!)} is running; ${back}.`;
  if (waitsForNews(rollout)) return `the step is tried again by itself, every ten minutes; ${back}.`;
  if (state === 'not-good')
    return `\`fleetgraph rollout advance ${serverId} --again\` runs the step again, when that is mended; ${back}.`;
  const next = steps[position + 1];
  return next === undefined
    ? 'this was the last step.'
    : `\`fleetgraph rollout advance ${serverId}\` opens step ${nameOfStep(next)}; ${back}.`;
}
