import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishRunInput, PlanRunResult, RunSummary } from './activities.ts';
import {
  type FleetSyncInput,
  type FleetSyncResult,
  pauseUpdate,
  resumeUpdate,
  setMaxWorkersUpdate,
  workersWantedSignal,
} from './messages.ts';
import { checkResult, wholeNumber } from '../check-input.ts';
import { MAX_WORKERS, checkStart, isWorkerCount } from './check-start.ts';
import { database, planning } from './retry-profiles.ts';
import { SlotCrew } from './slot-crew.ts';

/** One run over many vehicles: plans it, keeps as many worker slots open as are wanted, and ends when the last one has. */
export async function fleetSync(input: FleetSyncInput): Promise<FleetSyncResult> {
  checkStart(input);
  const crew = new SlotCrew(fleetRunId(), workflowInfo().workflowId);
  const summary = await runToEnd(input, crew);
  if (summary.state === 'failed') throw everyVehicleFailed(summary);
  return summary;
}

async function runToEnd(input: FleetSyncInput, crew: SlotCrew): Promise<RunSummary> {
  const steering = steer(crew);
  try {
    const plan = await planRun(input);
    steering.ready();
    if (plan.planned > 0) crew.want(plan.workers);
    await crew.drained();
    await condition(allHandlersFinished);
    return await finish('completed');
  } catch (error) {
    const cancelled = isCancellation(error);
    await CancellationScope.nonCancellable(async () => {
      await crew.ended();
      await finish(cancelled ? 'cancelled' : 'failed');
    });
    throw error;
  }
}

/** The id by which rows, slots and operators know this run. A reset changes the id of the execution, and not this one. */
const fleetRunId = (): string => workflowInfo().firstExecutionRunId;

async function planRun(input: FleetSyncInput): Promise<PlanRunResult> {
  const runId = fleetRunId();
  const { workflowId } = workflowInfo();
  setCurrentDetails('planning: asking the legacy hosts what is new');
  const plan = await planning.planRun({
    runId,
    workflowId,
    selection: input.selection,
    mode: input.mode ?? 'delta',
    requestedBy: input.requestedBy ?? 'unknown',
    maxWorkers: input.maxWorkers ?? null,
  });
  checkResult('planRun', plan, { planned: wholeNumber(0), workers: wholeNumber(1, MAX_WORKERS) });
  setCurrentDetails(
    `${plan.planned} vehicles, about ${plan.plannedRows} rows to sync; ${plan.upToDate} up to date; ${plan.failed} could not be planned`,
  );
  return plan;
}

/** Wires the operator's updates; they wait until the run's row exists. */
function steer(crew: SlotCrew): { ready(): void } {
  const runId = fleetRunId();
  let planned = false;
  let paused = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Orders wait until the run's row exists, and for each other: one that is tried again must not overtake a later one. */
  const inTurn = async <T>(order: () => Promise<T>): Promise<T> => {
    if (!patched('orders-in-turn')) {
      await condition(() => planned);
      return order();
    }
    const done = last
      .catch(() => {})
      .then(() => condition(() => planned))
      .then(order);
    last = done;
    return done;
  };

  const setPaused = (wanted: boolean): Promise<{ paused: boolean }> => {
    // Before it is done: who has asked for a pause may take that back while the run is still being planned.
    paused = wanted;
    return inTurn(async () => {
      await database.controlRun({ runId, paused: wanted });
      if (!wanted) await crew.wake();
      return { paused: wanted };
    });
  };
  setHandler(pauseUpdate, () => setPaused(true), {
    validator: () => refuseIf(paused, 'the run is paused already'),
    description: 'Stops claiming vehicles; those in flight go on to their end.',
  });
  setHandler(resumeUpdate, () => setPaused(false), {
    validator: () => refuseIf(!paused, 'the run is not paused'),
    description: 'Claims vehicles again.',
  });
  setHandler(
    setMaxWorkersUpdate,
    (maxWorkers) =>
      inTurn(async () => {
        const { workers } = await database.controlRun({ runId, maxWorkers });
        if (workers > 0) crew.want(workers);
        return { maxWorkers };
      }),
    {
      validator: (maxWorkers) =>
        refuseIf(
          !isWorkerCount(maxWorkers),
          `max workers must be a whole number from 1 to ${MAX_WORKERS}, not ${String(maxWorkers)}`,
        ),
      description: 'Opens or retires worker slots of this run.',
    },
  );
  // A signal has no validator, and anybody may send one: an error here would fail the workflow's task for ever.
  setHandler(workersWantedSignal, (workers) => {
    if (isWorkerCount(workers)) crew.want(workers);
    else log.warn('ignored a signal workersWanted that is no number of workers', { workers });
  });
  return { ready: () => void (planned = true) };
}

/** Nobody looks further at a completed run, so one that brought nothing because nothing could be done must not say that it is. */
function everyVehicleFailed(summary: RunSummary): ApplicationFailure {
  const { runId, failed } = summary;
  const message = `Fleet sync ${runId}: ${failed === 1 ? 'its only vehicle' : `each of its ${failed} vehicles`} failed. \`fleetgraph status ${runId}\` says why.`;
  return ApplicationFailure.create({ type: 'EveryVehicleFailed', message, nonRetryable: true, details: [summary] });
}

function refuseIf(refused: boolean, why: string): void {
  if (refused) throw ApplicationFailure.nonRetryable(why, 'InvalidSetting');
}

function finish(outcome: FinishRunInput['outcome']): Promise<RunSummary> {
  return database.finishRun({ runId: fleetRunId(), outcome });
}
