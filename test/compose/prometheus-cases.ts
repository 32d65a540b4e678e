/** For each rule of docker/prometheus/rules.yml: series on which it fires, and a series near to it on which it does not. */
export interface RuleCase {
  fires: Moment;
  /** Labels of the alert beside `severity`. */
  labels: Record<string, string>;
  summary: string;
  quiet: Moment;
}

/** Series in promtool's notation, one sample a minute; `at` is when the rule is looked at. */
interface Moment {
  series: Record<string, string>;
  at: string;
}

const moment = (at: string, series: Record<string, string>): Moment => ({ series, at });

export const RULE_CASES: Record<string, RuleCase> = {
  FleetgraphApiDown: {
    fires: moment('3m', { 'up{job="fleetgraph-api"}': '1 0 0 0' }),
    labels: { job: 'fleetgraph-api' },
    summary: 'The API gives no metrics, so no other rule can fire.',
    quiet: moment('5m', { 'up{job="fleetgraph-api"}': '1 0 0 1 0 0' }),
  },
  FleetgraphPartDown: {
    fires: moment('5m', { 'fleetgraph_up{part="temporal"}': '1 1 0 0 0 0', 'fleetgraph_up{part="redis"}': '1x5' }),
    labels: { part: 'temporal' },
    summary: 'temporal does not answer.',
    quiet: moment('5m', { 'fleetgraph_up{part="temporal"}': '0 0 1 0 0 1' }),
  },
  FleetgraphRedisPolicy: {
    fires: moment('6m', { 'fleetgraph_degraded{part="redis"}': '1x6' }),
    labels: { part: 'redis' },
    summary: 'Redis may evict the live graph when its memory is full.',
    quiet: moment('6m', { 'fleetgraph_degraded{part="redis"}': '0x6', 'fleetgraph_degraded{part="temporal"}': '1x6' }),
  },
  FleetgraphNoPoller: {
    fires: moment('4m', {
      'fleetgraph_task_queue_polled{task_queue="legacy-sync"}': '0x4',
      'fleetgraph_workflows_open{task_queue="legacy-sync"}': '0x4',
    }),
    labels: { task_queue: 'legacy-sync' },
    summary: 'No worker asks the task queue legacy-sync for work.',
    // An installation that builds no graph has no worker for it, and nothing that waits.
    quiet: moment('4m', {
      'fleetgraph_task_queue_polled{task_queue="legacy-sync"}': '1x4',
      'fleetgraph_task_queue_polled{task_queue="transport-graph"}': '0x4',
      'fleetgraph_workflows_open{task_queue="legacy-sync"}': '3x4',
      'fleetgraph_workflows_open{task_queue="transport-graph"}': '0x4',
    }),
  },
  FleetgraphWorkflowWedged: {
    fires: moment('3m', { fleetgraph_workflows_wedged: '2x3' }),
    labels: {},
    summary: '2 workflows fail at the same task again and again.',
    quiet: moment('3m', { fleetgraph_workflows_wedged: '0x3' }),
  },
  FleetgraphDiskFull: {
    fires: moment('2m', {
      'fleetgraph_worker_disk_free_bytes{volume="staging"}': '9e9x2',
      'fleetgraph_worker_disk_bytes{volume="staging"}': '100e9x2',
    }),
    labels: { volume: 'staging' },
    summary: 'A disk is full, or nearly: staging.',
    // Somebody met one an hour ago, and nobody since.
    quiet: moment('62m', {
      'fleetgraph_worker_disk_free_bytes{volume="staging"}': '11e9x62',
      'fleetgraph_worker_disk_bytes{volume="staging"}': '100e9x62',
      'fleetgraph_sync_failures_24h{code="RemoteDiskFull"}': '3x62',
      'fleetgraph_sync_failures_24h{code="TableMissing"}': '0x60 5x2',
    }),
  },
  FleetgraphOpenAlert: {
    fires: moment('6m', { 'fleetgraph_open_alerts{kind="stage-failed",level="critical"}': '2x6' }),
    labels: { kind: 'stage-failed' },
    summary: '2 × stage-failed was told to the admin and is not over.',
    quiet: moment('6m', { 'fleetgraph_open_alerts{kind="source-away",level="warning"}': '1x6' }),
  },
  FleetgraphSyncSuccessLow: {
    fires: moment('6m', {
      'fleetgraph_sync_vehicles_24h{status="completed"}': '880x6',
      'fleetgraph_sync_vehicles_24h{status="up-to-date"}': '100x6',
      'fleetgraph_sync_vehicles_24h{status="failed"}': '20x6',
    }),
    labels: {},
    summary: '98% of the vehicle syncs of a day succeeded, of 99 %.',
    // Those that wait for their turn are neither.
    quiet: moment('6m', {
      'fleetgraph_sync_vehicles_24h{status="completed"}': '90x6',
      'fleetgraph_sync_vehicles_24h{status="idle"}': '900x6',
      'fleetgraph_sync_vehicles_24h{status="up-to-date"}': '10x6',
      'fleetgraph_sync_vehicles_24h{status="failed"}': '1x6',
    }),
  },
  FleetgraphCircuitOpen: {
    fires: moment('1m', { 'fleetgraph_circuit_open_seconds{server="depot-1",state="open"}': '860 920' }),
    labels: { server: 'depot-1', state: 'open' },
    summary: 'Legacy server depot-1 is left alone, open, since 15m 20s.',
    quiet: moment('1m', { 'fleetgraph_circuit_open_seconds{server="depot-1",state="half-open"}': '800 860' }),
  },
  FleetgraphServerCheckFails: {
    fires: moment('16m', { 'fleetgraph_server_check_ok{server="depot-1"}': '0x16' }),
    labels: { server: 'depot-1' },
    summary: 'Legacy server depot-1 has failed its health checks for 15 minutes.',
    quiet: moment('16m', { 'fleetgraph_server_check_ok{server="depot-1"}': '0x10 1x6' }),
  },
  FleetgraphRolloutStopped: {
    fires: moment('6m', { 'fleetgraph_rollout_troubled{server="depot-1",trouble="not-good"}': '_ 1x5' }),
    labels: { server: 'depot-1', trouble: 'not-good' },
    summary: 'The rollout of legacy server depot-1 does not go on: not-good.',
    // Somebody has run the step again.
    quiet: moment('6m', { 'fleetgraph_rollout_troubled{server="depot-1",trouble="not-good"}': '1x3 stale' }),
  },
  FleetgraphVehiclesStale: {
    fires: moment('61m', {
      'fleetgraph_vehicles{freshness="2h"}': '900x61',
      'fleetgraph_vehicles{freshness="older"}': '90x61',
      'fleetgraph_vehicles{freshness="never"}': '10x61',
    }),
    labels: {},
    summary: '10% of the vehicles were not synced for a day.',
    quiet: moment('61m', {
      'fleetgraph_vehicles{freshness="2h"}': '700x61',
      'fleetgraph_vehicles{freshness="24h"}': '295x61',
      'fleetgraph_vehicles{freshness="never"}': '5x61',
    }),
  },
  FleetgraphQuarantineGrows: {
    fires: moment('6m', { fleetgraph_quarantine_rows_1h: '4000x6' }),
    labels: {},
    summary: '4000 rows came into quarantine within an hour.',
    quiet: moment('6m', { fleetgraph_quarantine_rows_1h: '40x6' }),
  },
  FleetgraphPermitWaiters: {
    fires: moment('16m', { fleetgraph_sync_slots_waiting: '4x16', fleetgraph_sync_slots_busy: '5x16' }),
    labels: {},
    summary: '4 worker slots wait, more than half of the busy ones.',
    quiet: moment('16m', { fleetgraph_sync_slots_waiting: '0x16', fleetgraph_sync_slots_busy: '0x16' }),
  },
  FleetgraphStageSlow: {
    fires: moment('1m', { 'fleetgraph_stage_running_seconds{worker_id="graph-builder"}': '600 660' }),
    labels: { worker_id: 'graph-builder' },
    summary: 'Stage graph-builder takes 11m 0s, more than 10 minutes.',
    quiet: moment('1m', {
      'fleetgraph_stage_running_seconds{worker_id="graph-builder"}': '540 600',
      'fleetgraph_stage_last_duration_seconds{worker_id="graph-builder"}': '90x1',
    }),
  },
  FleetgraphPipelineSlow: {
    fires: moment('1m', { 'fleetgraph_pipeline_seconds{run="running"}': '1790 1850' }),
    labels: { run: 'running' },
    summary: 'The pipeline takes 30m 50s (running), more than 30 minutes.',
    quiet: moment('1m', { 'fleetgraph_pipeline_seconds{run="last"}': '1800x1' }),
  },
  FleetgraphStageSuccessLow: {
    fires: moment('6m', { 'fleetgraph_stage_success_ratio{worker_id="odata-sync-worker"}': '0.89x6' }),
    labels: { worker_id: 'odata-sync-worker' },
    summary: '89% of the last runs of odata-sync-worker succeeded, less than 90 %.',
    quiet: moment('6m', { 'fleetgraph_stage_success_ratio{worker_id="odata-sync-worker"}': '0.9x6' }),
  },
  FleetgraphStageErrorsHigh: {
    fires: moment('6m', { 'fleetgraph_stage_error_ratio{worker_id="odata-sync-worker"}': '0.11x6' }),
    labels: { worker_id: 'odata-sync-worker' },
    summary: '11% of the last runs of odata-sync-worker failed, more than 10 %.',
    quiet: moment('6m', { 'fleetgraph_stage_error_ratio{worker_id="odata-sync-worker"}': '0.1x6' }),
  },
  FleetgraphStageRecordsUnusual: {
    fires: moment('6m', { 'fleetgraph_stage_records_ratio{worker_id="graph-builder"}': '0.25x6' }),
    labels: { worker_id: 'graph-builder' },
    summary: 'Stage graph-builder processed much more or less than usual: off by 75%.',
    quiet: moment('6m', {
      'fleetgraph_stage_records_ratio{worker_id="graph-builder"}': '0.5x6',
      'fleetgraph_stage_records_ratio{worker_id="odata-sync-worker"}': '1.5x6',
    }),
  },
  FleetgraphGraphStale: {
    // By promtool's clock, which begins at 0.
    fires: moment('726m', {
      'fleetgraph_stage_last_success_timestamp_seconds{worker_id="graph-builder"}': '0x726',
      fleetgraph_pipeline_schedule_seconds: '21600x726',
    }),
    labels: { worker_id: 'graph-builder' },
    summary: 'The graph was last built or found current 12h 6m 0s ago, twice its schedule.',
    quiet: moment('726m', {
      'fleetgraph_stage_last_success_timestamp_seconds{worker_id="graph-builder"}': '600x726',
      'fleetgraph_stage_last_success_timestamp_seconds{worker_id="virtual-entities-generator"}': '0x726',
      fleetgraph_pipeline_schedule_seconds: '21600x726',
    }),
  },
};

/** What the same rule says of a second cause. */
export const MORE_CASES: [rule: string, RuleCase['fires'], labels: Record<string, string>, summary: string][] = [
  [
    'FleetgraphApiDown',
    moment('3m', { unrelated: '1x3' }),
    { job: 'fleetgraph-api' },
    RULE_CASES['FleetgraphApiDown']!.summary,
  ],
  [
    'FleetgraphNoPoller',
    moment('4m', {
      'fleetgraph_task_queue_polled{task_queue="transport-graph"}': '0x4',
      'fleetgraph_workflows_open{task_queue="transport-graph"}': '1x4',
    }),
    { task_queue: 'transport-graph' },
    'No worker asks the task queue transport-graph for work.',
  ],
  [
    'FleetgraphDiskFull',
    moment('61m', { 'fleetgraph_sync_failures_24h{code="DatabaseDiskFull"}': '_x59 1 1' }),
    { code: 'DatabaseDiskFull' },
    'A disk is full, or nearly: DatabaseDiskFull.',
  ],
  [
    'FleetgraphCircuitOpen',
    moment('1m', { 'fleetgraph_circuit_open_seconds{server="depot-1",state="held"}': '0 60' }),
    { server: 'depot-1', state: 'held' },
    'Legacy server depot-1 is left alone, held, since 1m 0s.',
  ],
  [
    'FleetgraphStageSlow',
    moment('1m', { 'fleetgraph_stage_last_duration_seconds{worker_id="odata-sync-worker"}': '601x1' }),
    { worker_id: 'odata-sync-worker' },
    'Stage odata-sync-worker takes 10m 1s, more than 10 minutes.',
  ],
  [
    'FleetgraphStageRecordsUnusual',
    moment('6m', { 'fleetgraph_stage_records_ratio{worker_id="graph-builder"}': '3x6' }),
    { worker_id: 'graph-builder' },
    'Stage graph-builder processed much more or less than usual: off by 200%.',
  ],
];
