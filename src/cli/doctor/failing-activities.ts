import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import pLimit from 'p-limit';
import { IS_OPEN } from '../../connections/temporal-status.ts';
import { count, duration } from '../figures.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** The first waits between attempts are short: five attempts fail within 15 s, which is longer than a restart of a server takes. */
const STUCK_FROM_ATTEMPT = 5;
/** A failing activity fails again soon. An attempt that has run for longer than this since the last failure counts as working. */
const FAILED_LATELY_MS = 10 * 60_000;
/** A run has two workflows for each of its worker slots, so this many workflows are many runs; looking at more would be a load by itself. */
const LOOKED_AT = 1_000;
const ASKED_AT_ONCE = 10;
const LONGEST_MESSAGE = 500;

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/** Activities without a limit of attempts fail as long as the cause lasts, while their workflow looks as if it were running. */
export async function failingActivities(
  session: Pick<Session, 'temporal'>,
  { lookedAt = LOOKED_AT } = {},
): Promise<Finding[]> {
  const { client } = await session.temporal();
  const running: WorkflowExecutionInfo[] = [];
  let more = false;
  for await (const workflow of client.workflow.list({ query: IS_OPEN })) {
    more = running.length === lookedAt;
    if (more) break;
    running.push(workflow);
  }
  const place = pLimit(ASKED_AT_ONCE);
  const findings = await Promise.all(running.map((workflow) => place(() => failingIn(client, workflow))));
  return [...findings.flat(), ...(more ? [tooMany((await client.workflow.count(IS_OPEN)).count, lookedAt)] : [])];
}

async function failingIn(client: Client, { workflowId, runId }: WorkflowExecutionInfo): Promise<Finding[]> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const failing = (raw.pendingActivities ?? []).filter(isFailing);
  return Promise.all(
    failing.map(async (activity) => ({
      severity: 'problem' as const,
      subject: workflowId,
      found: `its activity ${activity.activityType?.name} fails again and again, ${activity.attempt} attempts so far; the last one ended ${ago(activity)} ago with ${await lastErrorOf(client, activity)}`,
      remedy:
        `mend what it names, and it goes on by itself within a minute; see it whole: temporal workflow describe -w '${workflowId}' -r ${runId}; ` +
        `else end it: temporal workflow cancel -w '${workflowId}' (what was committed stays, and the next run goes on there)`,
    })),
  );
}

function isFailing(activity: Pending): boolean {
  return (
    (activity.attempt ?? 0) >= STUCK_FROM_ATTEMPT && !!activity.lastFailure && sinceLastMs(activity) < FAILED_LATELY_MS
  );
}

const sinceLastMs = ({ lastAttemptCompleteTime }: Pending): number =>
  Date.now() - Number(lastAttemptCompleteTime?.seconds ?? 0) * 1_000;

const ago = (activity: Pending): string => duration(Math.max(0, sinceLastMs(activity)));

async function lastErrorOf(client: Client, { lastFailure }: Pending): Promise<string> {
  // With encrypted payloads the message is encrypted too.
  const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, lastFailure).catch(
    (unreadable: Error) => new Error(`an error that cannot be read: ${unreadable.message}`),
  );
  const code = error instanceof ApplicationFailure && error.type ? `${error.type}: ` : '';
  return `${code}${error?.message ?? 'no message'}`.slice(0, LONGEST_MESSAGE);
}

const tooMany = (running: number, lookedAt: number): Finding => ({
  severity: 'notice',
  subject: 'running workflows',
  found: `${count(running)} run, and only the ${count(lookedAt)} started last were searched for activities that fail`,
  remedy: `look into one that seems stuck: temporal workflow describe -w <id>; all: temporal workflow list -q "${IS_OPEN}"`,
});
