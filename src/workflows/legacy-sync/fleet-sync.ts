import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
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
import { MAX_WORKERS, checkStart, isWorkerCount } from './check-start.ts';
import { database, planning } from './retry-profiles.ts';
import { SlotCrew } from './slot-crew.ts';

/** One run over many vehicles: plans it, keeps as many worker slots open as are wanted, and ends when the last one has. */
export async function fleetSync(input: FleetSyncInput): Promise<FleetSyncResult> {
  checkStart(input);
  const crew = new SlotCrew(workflowInfo().runId, workflowInfo().workflowId);
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

async function planRun(input: FleetSyncInput): Promise<PlanRunResult> {
  const { runId, workflowId } = workflowInfo();
  setCurrentDetails('planning: asking the legacy hosts what is new');
  const plan = await planning.planRun({
    runId,
    workflowId,
    selection: input.selection,
    mode: input.mode ?? 'delta',
    requestedBy: input.requestedBy ?? 'unknown',
    maxWorkers: input.maxWorkers ?? null,
  });
  setCurrentDetails(
    `${plan.planned} vehicles, about ${plan.plannedRows} rows to sync; ${plan.upToDate} up to date; ${plan.failed} could not be planned`,
  );
  return plan;
}

/** Wires the operator's updates; they wait until the run's row exists. */
function steer(crew: SlotCrew): { ready(): void } {
  const { runId } = workflowInfo();
  let planned = false;
  let paused = false;

  const setPaused = async (wanted: boolean): Promise<{ paused: boolean }> => {
    await condition(() => planned);
    paused = wanted;
    await database.controlRun({ runId, paused: wanted });
    if (!wanted) await crew.wake();
    return { paused: wanted };
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
    async (maxWorkers) => {
      await condition(() => planned);
      const { workers } = await database.controlRun({ runId, maxWorkers });
      crew.want(workers);
      return { maxWorkers };
    },
    {
      validator: (maxWorkers) =>
        refuseIf(
          !isWorkerCount(maxWorkers),
          `max workers must be a whole number from 1 to ${MAX_WORKERS}, not ${String(maxWorkers)}`,
        ),
      description: 'Opens or retires worker slots of this run.',
    },
  );
  setHandler(workersWantedSignal, (workers) => crew.want(workers));
  return { ready: () => void (planned = true) };
}

function refuseIf(refused: boolean, why: string): void {
  if (refused) throw ApplicationFailure.nonRetryable(why, 'InvalidSetting');
}

function finish(outcome: FinishRunInput['outcome']): Promise<RunSummary> {
  return database.finishRun({ runId: workflowInfo().runId, outcome });
}
