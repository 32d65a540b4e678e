import type { Client } from '@temporalio/client';
import { IS_OPEN } from '../../connections/temporal-status.ts';
import { SILENT_MS, newestPoll } from '../../orchestrator/has-worker.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../../workflows/legacy-sync/messages.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE } from '../../workflows/transport-graph/messages.ts';
import { duration } from '../figures.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** Task queues without a worker: workflows that were started there wait, and look as if they were running. */
export async function missingWorkers(session: Pick<Session, 'temporal'>, now = Date.now): Promise<Finding[]> {
  const { client } = await session.temporal();
  const [legacySync, transportGraph] = await Promise.all([
    queueFindings(client, LEGACY_SYNC_TASK_QUEUE, now),
    queueFindings(client, TRANSPORT_GRAPH_TASK_QUEUE, now),
  ]);
  // Some installations build no graph: its worker is only missed when something waits for it.
  return [...legacySync, ...transportGraph.filter(({ waiting }) => waiting > 0)].map(({ finding }) => finding);
}

async function queueFindings(
  client: Client,
  taskQueue: string,
  now: () => number,
): Promise<{ waiting: number; finding: Finding }[]> {
  const polledAt = 1_000 * (await newestPoll(client, taskQueue));
  const silentMs = now() - polledAt;
  if (silentMs < SILENT_MS) return [];
  const { count: waiting } = await client.workflow.count(`${IS_OPEN} AND TaskQueue = '${taskQueue}'`);
  const nobody = polledAt === 0 ? 'no worker polls it' : `no worker has polled it for ${duration(silentMs)}`;
  const finding: Finding = {
    severity: 'problem',
    subject: `task queue ${taskQueue}`,
    found: `${nobody}${waiting === 0 ? '' : `; running workflows that wait for one: ${waiting}`}`,
    remedy: 'start one: npm run fleetgraph -- worker',
  };
  return [{ waiting, finding }];
}
