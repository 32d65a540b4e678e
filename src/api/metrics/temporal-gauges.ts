import type { Client } from '@temporalio/client';
import { IS_OPEN, IS_WEDGED } from '../../connections/temporal-status.ts';
import { SILENT_MS, newestPoll } from '../../orchestrator/has-worker.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../../workflows/legacy-sync/messages.ts';
import { TRANSPORT_GRAPH_TASK_QUEUE } from '../../workflows/transport-graph/messages.ts';
import type { GaugeQuery } from './gauge-query.ts';

const TASK_QUEUES = [LEGACY_SYNC_TASK_QUEUE, TRANSPORT_GRAPH_TASK_QUEUE];

/** Figures that Temporal has. */
export const TEMPORAL_GAUGES: GaugeQuery<Client>[] = [
  {
    name: 'fleetgraph_workflows_wedged',
    help: 'Workflows whose task fails again and again: they say that they run, and nothing moves.',
    labels: [],
    read: async (client) => [{ value: (await client.workflow.count(IS_WEDGED)).count }],
  },
  {
    name: 'fleetgraph_workflows_open',
    help: 'Workflows that have begun and not ended, by task queue.',
    labels: ['task_queue'],
    read: (client) =>
      Promise.all(
        TASK_QUEUES.map(async (queue) => {
          const { count } = await client.workflow.count(`${IS_OPEN} AND TaskQueue = '${queue}'`);
          return { task_queue: queue, value: count };
        }),
      ),
  },
  {
    name: 'fleetgraph_task_queue_polled',
    help: '1: a worker has asked the task queue for work within two minutes.',
    labels: ['task_queue'],
    read: (client) =>
      Promise.all(
        TASK_QUEUES.map(async (queue) => {
          const silentMs = Date.now() - 1_000 * (await newestPoll(client, queue));
          return { task_queue: queue, value: silentMs < SILENT_MS ? 1 : 0 };
        }),
      ),
  },
];
