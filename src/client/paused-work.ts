import { type Client, WorkflowNotFoundError, isGrpcServiceError } from '@temporalio/client';
import type { google } from '@temporalio/proto';
import { IS_OPEN } from '../connections/temporal-status.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../workflows/legacy-sync/messages.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE } from '../workflows/transport-graph/messages.ts';

/** Work that somebody has paused in Temporal, by its command or a button of its Web UI. It stands still until that is undone. */
export interface PausedWork {
  workflowId: string;
  runId: string;
  /** The activity that is paused; null: the workflow as a whole. */
  activity: string | null;
  /** ISO 8601; null when Temporal does not tell. */
  since: string | null;
  /** As Temporal knows who did it: a user and host, or a name of the Web UI. */
  by: string;
  reason: string | null;
  /** The command that ends the pause. */
  remedy: string;
}

/** No more paused workflows than this are listed: an operator pauses a few by hand, or whole task queues, of which a few tell as much. */
const MOST = 50;
const INVALID_ARGUMENT = 3;

/** Everything of ours that is paused in Temporal; with `root`, only what belongs to that fleet sync or pipeline. */
export async function pausedWork(client: Client, root?: string): Promise<PausedWork[]> {
  const queues = `TaskQueue IN ('${LEGACY_SYNC_TASK_QUEUE}', '${TRANSPORT_GRAPH_TASK_QUEUE}')`;
  const below = root === undefined ? '' : ` AND RootWorkflowId = '${root}'`;
  const found: PausedWork[] = [];
  try {
    const query = `TemporalPauseInfo IS NOT NULL AND ${IS_OPEN} AND ${queues}${below}`;
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      found.push(...(await pausedIn(client, workflowId, runId)));
      if (found.length >= MOST) break;
    }
  } catch (error) {
    // A server from before pauses knows no such attribute, and nothing can be paused there.
    if (isGrpcServiceError(error) && Number(error.code) === INVALID_ARGUMENT) return [];
    throw error;
  }
  return found;
}

async function pausedIn(client: Client, workflowId: string, runId: string): Promise<PausedWork[]> {
  const described = await client.workflow
    .getHandle(workflowId, runId)
    .describe()
    .catch((error: unknown) => {
      // It has ended since it was listed.
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    });
  if (described === null) return [];
  const { pauseInfo: whole } = described.raw.workflowExtendedInfo ?? {};
  const workflow: PausedWork[] = whole
    ? [
        {
          workflowId,
          runId,
          activity: null,
          since: isoTime(whole.pausedTime),
          by: whole.identity || 'somebody',
          reason: whole.reason || null,
          remedy: `temporal workflow unpause -w '${workflowId}'`,
        },
      ]
    : [];
  const activities = (described.raw.pendingActivities ?? []).flatMap(({ activityId, activityType, pauseInfo }) =>
    pauseInfo
      ? [
          {
            workflowId,
            runId,
            activity: activityType?.name ?? String(activityId),
            since: isoTime(pauseInfo.pauseTime),
            by: pauseInfo.manual?.identity || 'somebody',
            reason: pauseInfo.manual?.reason || null,
            remedy: `temporal activity unpause -w '${workflowId}' -a ${activityId}`,
          },
        ]
      : [],
  );
  return [...workflow, ...activities];
}

const isoTime = (time: google.protobuf.ITimestamp | null | undefined): string | null =>
  time ? new Date(Number(time.seconds ?? 0) * 1000 + Number(time.nanos ?? 0) / 1e6).toISOString() : null;

/** `activity loadRange of vehicle-sync/17 is paused in Temporal since …, by …: reason`. */
export function describePause({ workflowId, activity, since, by, reason }: PausedWork): string {
  const what = activity === null ? workflowId : `activity ${activity} of ${workflowId}`;
  return `${what} is paused in Temporal since ${since ?? 'an unknown time'}, by ${by}${reason === null ? '' : `: ${reason}`}`;
}
