import type { StepMeasure, StepVerdict } from './rollout-contract.ts';

/** Of a step's vehicles, the share that must have arrived. */
const NEEDED_PERCENT = 99;

/** Whether the next step may open. Each reason against it says what was measured, against what, and what to do next. */
export function judgeStep(serverId: string, measured: StepMeasure): StepVerdict {
  const reasons = [
    againstCircuit(serverId, measured.circuit),
    ...(measured.run === null ? [] : againstRun(serverId, measured.run)),
    ...(measured.reconciliation === null ? [] : againstReconciliation(measured.reconciliation)),
  ].filter((reason) => reason !== null);
  if (reasons.length === 0 && measured.run === null) reasons.push('Nothing was synced.');
  if (reasons.length === 0 && measured.reconciliation === null) reasons.push('Nothing was compared with the source.');
  return { good: reasons.length === 0, reasons };
}

/** Whether comparing is worth the work: nothing else speaks against the step yet. */
export const isWorthComparing = (serverId: string, measured: StepMeasure): boolean =>
  measured.run !== null &&
  againstCircuit(serverId, measured.circuit) === null &&
  againstRun(serverId, measured.run).length === 0;

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
