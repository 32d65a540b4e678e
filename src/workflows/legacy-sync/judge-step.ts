import type { RolloutStep, StepMeasure, StepVerdict } from './rollout-contract.ts';

/** Of a step's vehicles, the share that must have arrived. */
const NEEDED_PERCENT = 99;

/** Whether the next step may open. Each reason against it says what was measured, against what, and what to do next. */
export function judgeStep(
  serverId: string,
  { workers }: Pick<RolloutStep, 'workers'>,
  measured: StepMeasure,
): StepVerdict {
  const reasons = [
    againstCircuit(serverId, measured.circuit),
    ...(measured.run === null ? [] : againstRun(serverId, measured.run)),
    ...(measured.reconciliation === null ? [] : againstReconciliation(measured.reconciliation)),
  ].filter((reason) => reason !== null);
  if (reasons.length === 0 && measured.run === null) reasons.push('Nothing was synced.');
  const tooLittle = reasons.length === 0 ? againstWork(serverId, workers, measured.run) : null;
  if (tooLittle !== null) return { good: false, idle: true, reasons: [tooLittle] };
  if (reasons.length === 0 && measured.reconciliation === null) reasons.push('Nothing was compared with the source.');
  return { good: reasons.length === 0, idle: false, reasons };
}

/** Whether comparing is worth the work: nothing else speaks against the step yet. */
export const isWorthComparing = (
  serverId: string,
  { workers }: Pick<RolloutStep, 'workers'>,
  { run, circuit }: StepMeasure,
): boolean =>
  run !== null &&
  againstCircuit(serverId, circuit) === null &&
  againstRun(serverId, run).length === 0 &&
  againstWork(serverId, workers, run) === null;

function againstCircuit(serverId: string, { state, code, reopened }: StepMeasure['circuit']): string | null {
  const cause = code === null ? '' : ` (${code})`;
  if (state === 'closed') {
    if (!reopened) return null;
    return `The circuit of ${serverId} opened while the step ran, and it must stay closed: the server did not cope, or could not be reached. \`fleetgraph runs\` and the alerts say why; mend it, or go back.`;
  }
  const next =
    state === 'held'
      ? `mend what it refuses, then \`fleetgraph servers close-circuit ${serverId}\``
      : `\`fleetgraph servers test ${serverId}\` says what is wrong there; it closes by itself when work succeeds`;
  return `The circuit of ${serverId} is ${state}${cause}, and it must be closed: ${next}.`;
}

function againstRun(
  serverId: string,
  { runId, state, vehicles, succeeded, failed }: NonNullable<StepMeasure['run']>,
): string[] {
  if (vehicles === 0) {
    return [
      `Fleet sync ${runId} is ${state} and had no vehicle, so it proves nothing: \`fleetgraph vehicles list\` shows those of ${serverId}.`,
    ];
  }
  // In whole numbers: 99 % of 200 are 198, and no rounding makes 197 of them enough.
  if (100 * succeeded >= NEEDED_PERCENT * vehicles) return [];
  const left = vehicles - succeeded - failed;
  const rest = left > 0 ? `, ${left} were not synced: the run is ${state}` : '';
  return [
    `${shownPercent(succeeded, vehicles)} % of ${vehicles} vehicles succeeded (${succeeded}), and ${NEEDED_PERCENT} % must: ${failed} failed${rest}. \`fleetgraph status ${runId}\` says why each did.`,
  ];
}

/** Vehicles that are up to date take no place: however many places a step has, it has shown no more than were worked on. */
function againstWork(serverId: string, workers: number, run: StepMeasure['run']): string | null {
  if (run === null) return null;
  const places = Math.min(workers, run.vehicles);
  if (run.worked >= places) return null;
  return `Only ${run.worked} of ${run.vehicles} vehicles had new rows, which does not show ${places} at a time. Run it again when there is more to do: \`fleetgraph rollout advance ${serverId} --again\`.`;
}

/** Rounded down, so that what is not enough does not look like enough. */
const shownPercent = (part: number, whole: number): string => (Math.floor((10_000 * part) / whole) / 100).toString();

function againstReconciliation(found: NonNullable<StepMeasure['reconciliation']>): string[] {
  const { reconciliationId, state, vehicles, compared, missing, changed, extra } = found;
  const see = `\`fleetgraph reconcile show ${reconciliationId}\``;
  const reasons: string[] = [];
  if (missing + changed + extra > 0) {
    reasons.push(
      `Rows differ from the source, and none may: ${missing} missing, ${changed} changed, ${extra} extra. ${see} says which; \`fleetgraph reconcile repair ${reconciliationId}\` brings them in line.`,
    );
  }
  if (state !== 'completed' || compared < vehicles) {
    reasons.push(
      `${compared} of ${vehicles} vehicles were compared with the source, and all must be: the reconciliation is ${state}. ${see} says why.`,
    );
  }
  return reasons;
}
