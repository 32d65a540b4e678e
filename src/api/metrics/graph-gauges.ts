import { countAlerts } from '../../records/alerts.ts';
import { countHeldDatasets } from '../../records/datasets.ts';
import { activeGraph } from '../../records/graphs.ts';
import { countOpenAlerts } from '../../records/open-alerts.ts';
import { pipelineSeconds } from '../../records/pipeline-runs.ts';
import { readTransportGraphSettings } from '../../records/settings.ts';
import {
  countStageRuns,
  lastStageRuns,
  lastSuccesses,
  recordsAgainstUsual,
  runningStageSeconds,
  stagesLately,
} from '../../records/stage-figures.ts';
import type { GaugeQuery } from './gauge-query.ts';

const CHANGES = ['added', 'updated', 'deleted'] as const;

/** The spec's four groups (execution time, success rate, data volume, error rate), the graph, and the datasets that wait for an operator. */
export const GRAPH_GAUGES: GaugeQuery[] = [
  {
    name: 'fleetgraph_stage_last_duration_seconds',
    help: 'Execution time of the stage’s last run (target below 300, alert above 600).',
    labels: ['worker_id'],
    read: async (database) =>
      (await lastStageRuns(database)).map(({ workerId, seconds }) => ({ worker_id: workerId, value: seconds })),
  },
  {
    name: 'fleetgraph_stage_running_seconds',
    help: 'How long a stage that runs now has been running (alert above 600).',
    labels: ['worker_id'],
    read: async (database) =>
      (await runningStageSeconds(database)).map(({ workerId, seconds }) => ({ worker_id: workerId, value: seconds })),
  },
  {
    name: 'fleetgraph_pipeline_seconds',
    help: 'How long the pipeline has been running, and how long its last run took (alert above 1800).',
    labels: ['run'],
    read: async (database) => {
      const { running, last } = await pipelineSeconds(database);
      return Object.entries({ running, last }).flatMap(([run, value]) => (value === null ? [] : [{ run, value }]));
    },
  },
  {
    name: 'fleetgraph_pipeline_schedule_seconds',
    help: 'How often the pipeline is to run; left out where it has no schedule.',
    labels: [],
    read: async (database) => {
      const { scheduleEnabled, scheduleIntervalMs } = await readTransportGraphSettings(database);
      return scheduleEnabled ? [{ value: scheduleIntervalMs / 1_000 }] : [];
    },
  },
  {
    name: 'fleetgraph_stage_duration_seconds_avg',
    help: 'Mean execution time of the stage’s last 100 runs.',
    labels: ['worker_id'],
    read: async (database) =>
      (await stagesLately(database)).map(({ workerId, meanSeconds }) => ({ worker_id: workerId, value: meanSeconds })),
  },
  {
    name: 'fleetgraph_stage_runs',
    help: 'Runs of the stage by how they ended.',
    labels: ['worker_id', 'status'],
    read: async (database) =>
      (await countStageRuns(database)).map(({ workerId, status, count }) => ({
        worker_id: workerId,
        status,
        value: count,
      })),
  },
  {
    name: 'fleetgraph_stage_success_ratio',
    help: 'Share of the stage’s last 100 runs that did not fail (target above 0.95, alert below 0.9).',
    labels: ['worker_id'],
    read: async (database) =>
      (await stagesLately(database)).map(({ workerId, succeededShare }) => ({
        worker_id: workerId,
        value: succeededShare,
      })),
  },
  {
    name: 'fleetgraph_stage_error_ratio',
    help: 'Share of the stage’s last 100 runs that failed (target below 0.05, alert above 0.1).',
    labels: ['worker_id'],
    read: async (database) =>
      (await stagesLately(database)).map(({ workerId, failedShare }) => ({ worker_id: workerId, value: failedShare })),
  },
  {
    name: 'fleetgraph_stage_records',
    help: 'Records that the stage’s last run processed.',
    labels: ['worker_id', 'change'],
    read: async (database) =>
      (await lastStageRuns(database)).flatMap((run) =>
        CHANGES.map((change) => ({ worker_id: run.workerId, change, value: run[change] })),
      ),
  },
  {
    name: 'fleetgraph_stage_records_ratio',
    help: 'Records of the stage’s last successful run over the median of the ten before it (alert below 0.5 and above 1.5).',
    labels: ['worker_id'],
    read: async (database) =>
      (await recordsAgainstUsual(database)).map(({ workerId, ratio }) => ({ worker_id: workerId, value: ratio })),
  },
  {
    name: 'fleetgraph_stage_last_success_timestamp_seconds',
    help: 'When the stage last ended well.',
    labels: ['worker_id'],
    read: async (database) =>
      (await lastSuccesses(database)).map(({ workerId, at }) => ({ worker_id: workerId, value: at })),
  },
  {
    name: 'fleetgraph_graph_size',
    help: 'Nodes and edges of the live graph.',
    labels: ['kind'],
    read: async (database) => {
      const graph = await activeGraph(database);
      if (graph === null) return [];
      return (['nodes', 'edges'] as const).map((kind) => ({ kind, value: graph[kind] }));
    },
  },
  {
    name: 'fleetgraph_graph_age_seconds',
    help: 'Since when the live graph is live.',
    labels: [],
    read: async (database) => {
      const graph = await activeGraph(database);
      return graph?.live_seconds == null ? [] : [{ value: graph.live_seconds }];
    },
  },
  {
    name: 'fleetgraph_datasets_held',
    help: 'Datasets that wait for an operator.',
    labels: [],
    read: async (database) => [{ value: await countHeldDatasets(database) }],
  },
  {
    name: 'fleetgraph_alerts_24h',
    help: 'Alerts raised in the last day.',
    labels: [],
    read: async (database) => [{ value: await countAlerts(database) }],
  },
  {
    name: 'fleetgraph_open_alerts',
    help: 'What the admin was told of and is not over, of the legacy sync and the graph.',
    labels: ['kind', 'level'],
    read: async (database) =>
      (await countOpenAlerts(database)).map(({ kind, level, alerts }) => ({ kind, level, value: alerts })),
  },
];
