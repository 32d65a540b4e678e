import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import type { Queryable } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import type { Circuit } from '../../../pool/circuit.ts';
import { readCircuit } from '../../../pool/circuit-store.ts';
import { findReconciliation } from '../../../records/reconciliations.ts';
import { type StepTraces, readStepTraces } from '../../../records/rollouts.ts';
import { findPlannedRun } from '../../../records/sync-runs.ts';
import type { RolloutActivities, StepMeasure } from '../../../workflows/legacy-sync/rollout-contract.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';

/** Reads what a step has come to so far, from the rows of its run, its comparison and its server. Errors: NotFound, DatabaseUnavailable. */
export const createMeasureStep =
  ({ pool }: RolloutDependencies): RolloutActivities['measureStep'] =>
  (key) =>
    namingDatabaseFailures(`Measuring step ${key.number} of rollout ${key.rolloutId}`, async () => {
      const traces = await readStepTraces(pool, key);
      if (traces === null) {
        throw new Failure('NotFound', `Measuring step ${key.number} of rollout ${key.rolloutId}: it has no row.`);
      }
      const { serverId, startedMs } = traces;
      return {
        run: await readRun(pool, traces),
        reconciliation: await readReconciliation(pool, traces),
        circuit: stateOf(await readCircuit(pool, serverId), startedMs),
      };
    });

async function readRun(database: Queryable, { runId }: StepTraces): Promise<StepMeasure['run']> {
  if (runId === null) return null;
  const run = await findPlannedRun(database, runId);
  // A run that was refused has no row, and brought nothing.
  if (run === null) return { runId, state: 'refused', vehicles: 0, succeeded: 0, worked: 0, failed: 0 };
  const { state, vehicles, completed, upToDate, failed } = run;
  return { runId, state, vehicles: vehicles + upToDate, succeeded: completed + upToDate, worked: completed, failed };
}

async function readReconciliation(
  database: Queryable,
  { reconciliationId }: StepTraces,
): Promise<StepMeasure['reconciliation']> {
  if (reconciliationId === null) return null;
  const found = await findReconciliation(database, reconciliationId);
  if (found === null) {
    return { reconciliationId, state: 'refused', vehicles: 1, compared: 0, missing: 0, changed: 0, extra: 0 };
  }
  const { state, vehicles, compared, missing, changed, extra } = found;
  return { reconciliationId, state, vehicles, compared, missing, changed, extra };
}

function stateOf(circuit: Circuit, startedMs: number): StepMeasure['circuit'] {
  switch (circuit.state) {
    case 'closed':
      return { state: 'closed', code: null, reopened: (circuit.changedAt ?? 0) > startedMs };
    case 'held':
      return { state: 'held', code: circuit.code, reopened: false };
    case 'open':
    case 'half-open':
      return { state: circuit.state, code: circuit.lastCode, reopened: false };
  }
}
