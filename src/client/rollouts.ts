import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { describeChain } from '../connections/temporal-chain.ts';
import { isOpen } from '../connections/temporal-status.ts';
import { Failure } from '../errors.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  advanceUpdate,
  backUpdate,
  rolloutWorkflowId,
} from '../workflows/legacy-sync/messages.ts';
import type { RolloutInput, RolloutOrder, RolloutStanding } from '../workflows/legacy-sync/rollout-contract.ts';

/** Starts a rollout. Errors: AlreadyRunning. */
export async function startRollout(
  temporal: Client,
  input: RolloutInput,
): Promise<{ rolloutId: string; workflowId: string }> {
  const { serverId, requestedBy = 'unknown' } = input;
  const workflowId = rolloutWorkflowId(serverId);
  try {
    const { firstExecutionRunId: rolloutId } = await temporal.workflow.start<
      (input: RolloutInput) => Promise<RolloutStanding>
    >('rollout', {
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      args: [input],
      staticSummary: `rollout of ${serverId}, started by ${requestedBy}`,
    });
    return { rolloutId, workflowId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new Failure(
      'AlreadyRunning',
      `Starting a rollout of ${serverId}: one is under way. \`fleetgraph rollout status ${serverId}\` shows it; \`rollout back\` takes it back, step by step.`,
      { cause: error },
    );
  }
}

/** Whether a rollout of the server goes on. @throws WorkflowFailedError, with why, when the last one has failed */
export async function isUnderWay(temporal: Client, serverId: string): Promise<boolean> {
  const handle = temporal.workflow.getHandle(rolloutWorkflowId(serverId));
  const { status } = await handle.describe();
  if (status.name === 'FAILED') await handle.result();
  return status.name === 'RUNNING' || status.name === 'PAUSED';
}

/** How the workflow of a rollout has ended, in a word, continued as new or not; null: it goes on. */
export async function endOfRollout(
  temporal: Client,
  { workflowId, rolloutId }: { workflowId: string; rolloutId: string },
): Promise<string | null> {
  const found = await describeChain(temporal, workflowId, rolloutId);
  if (found === null) return 'forgotten';
  return isOpen(found.status.name) ? null : found.status.name.toLowerCase().replaceAll('_', ' ');
}

/** How long a worker may take to hear an order. */
const HEARD_MS = 60_000;

export interface HeardOrder {
  /** Waits until it was done: a running step that is taken back first cleans up. @throws Failure `WrongState`, with the reasons, when it is refused */
  done(): Promise<RolloutStanding>;
}

/** Gives an order, and returns when a worker has heard it. Errors: WrongState, TemporalUnavailable when none heard it in time. */
export async function steerRollout(
  temporal: Client,
  { serverId, kind }: { serverId: string; kind: 'advance' | 'back' },
  order: RolloutOrder,
): Promise<HeardOrder> {
  const what = `Steering the rollout of ${serverId}`;
  const handle = temporal.workflow.getHandle(rolloutWorkflowId(serverId));
  const update = kind === 'advance' ? advanceUpdate : backUpdate;
  const told = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw refusalOf(error, { what, serverId });
    });
  const heard = await told(
    temporal.withDeadline(Date.now() + HEARD_MS, () =>
      handle.startUpdate(update, { args: [order], waitForStage: 'ACCEPTED' }),
    ),
  );
  return { done: () => told(heard.result()) };
}

/** Why an order was not done; an update that the workflow refused, by its own words. */
function refusalOf(error: unknown, { what, serverId }: { what: string; serverId: string }): unknown {
  if (error instanceof WorkflowNotFoundError) {
    const message = `${what}: none is under way. \`fleetgraph rollout start ${serverId}\` starts one.`;
    return new Failure('WrongState', message, { cause: error });
  }
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    return new Failure('WrongState', error.cause.message, { cause: error });
  }
  if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) return error;
  return new Failure(
    'TemporalUnavailable',
    `${what}: no worker has heard it within ${HEARD_MS / 1_000} s, and one that comes may do it yet. Is one running? \`fleetgraph worker\` starts one.`,
    { cause: error },
  );
}
