import { CancellationScope, ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import { checkResult, object, optional } from '../check-input.ts';
import { type NamedFailure, isAlreadyStarted, nameFailure } from '../failure.ts';
import { fleetSync } from './fleet-sync.ts';
import { isWorthComparing, judgeStep } from './judge-step.ts';
import { RECONCILE_WORKFLOW_ID, type VehicleSelection, fleetSyncWorkflowId } from './messages.ts';
import { reconcileFleet } from './reconcile-fleet.ts';
import { rolling } from './retry-profiles.ts';
import type { RolloutStep, StepKey, StepMeasure, StepVerdict } from './rollout-contract.ts';

/** Waits between two looks whether somebody else's sync or comparison has ended. */
const FIRST_LOOK_MS = 2_000;
const LATER_LOOKS_MS = 300_000;

export interface StepRun extends StepKey {
  serverId: string;
  step: RolloutStep;
  requestedBy: string;
}

/** Syncs the step's vehicles, compares them with their source, and judges both. */
export async function runStep(run: StepRun): Promise<StepVerdict> {
  const { serverId, rolloutId, number, step } = run;
  const key = { rolloutId, number };
  let measured = await measure(key);
  // A server that is left alone is not worked on, and a run over it would wait for as long as a vehicle may take.
  if (measured.circuit.state === 'closed') {
    const failure = await syncVehicles(run);
    measured = await measure(key);
    if (isWorthComparing(serverId, step, measured)) {
      await compareVehicles(run);
      measured = await measure(key);
    } else if (measured.run?.vehicles === 0 && failure !== null) {
      return close(key, measured, {
        good: false,
        idle: false,
        reasons: [`Nothing was synced: ${failure.code}: ${failure.message}`],
      });
    }
  }
  return close(key, measured, judgeStep(serverId, step, measured));
}

async function measure(key: StepKey): Promise<StepMeasure> {
  const fields = { circuit: object, run: optional(object), reconciliation: optional(object) };
  return checkResult('measureStep', await rolling.measureStep(key), fields);
}

async function close(key: StepKey, measured: StepMeasure, verdict: StepVerdict): Promise<StepVerdict> {
  await rolling.closeStep({ ...key, measured, verdict });
  return verdict;
}

/** How the run ended is read from its rows; the failure says why where it has none. */
async function syncVehicles({ serverId, step, requestedBy, ...key }: StepRun): Promise<NamedFailure | null> {
  const { rolloutId, number } = key;
  const run = await whenFree(() =>
    startChild(fleetSync, {
      workflowId: fleetSyncWorkflowId(`rollout-${serverId}`),
      args: [
        { selection: selectionOf(serverId, step), maxWorkers: step.workers, requestedBy: `rollout, ${requestedBy}` },
      ],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `rollout of ${serverId}, step ${step.name}: fleet sync`,
    }),
  );
  await rolling.noteStep({ rolloutId, number, runId: run.firstExecutionRunId });
  return failureOf(run.result());
}

async function compareVehicles({ serverId, step, requestedBy, ...key }: StepRun): Promise<NamedFailure | null> {
  const { rolloutId, number } = key;
  const comparison = await whenFree(() =>
    startChild(reconcileFleet, {
      workflowId: RECONCILE_WORKFLOW_ID,
      args: [{ selection: selectionOf(serverId, step), requestedBy: `rollout, ${requestedBy}` }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `rollout of ${serverId}, step ${step.name}: comparing with the source`,
    }),
  );
  await rolling.noteStep({ rolloutId, number, reconciliationId: comparison.firstExecutionRunId });
  return failureOf(comparison.result());
}

const selectionOf = (serverId: string, { vehicles }: RolloutStep): VehicleSelection =>
  vehicles === null ? { kind: 'server', serverId } : { kind: 'server', serverId, first: vehicles };

/** Starts what may exist once, as soon as nobody else's goes on: another reconciliation, or what a reset rollout has left running. */
async function whenFree<T>(start: () => Promise<T>): Promise<T> {
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(2 * waitMs, LATER_LOOKS_MS)) {
    try {
      return await start();
    } catch (error) {
      if (!isAlreadyStarted(error)) throw error;
    }
    await sleep(waitMs);
  }
}

/** How it ended by itself or by somebody's hand. An error is one only of a step that was taken back. */
async function failureOf(result: Promise<unknown>): Promise<NamedFailure | null> {
  try {
    await result;
    return null;
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return nameFailure(error);
  }
}
