/** One gauge, filled from rows: `value` is the number, every other column a label. */
export interface GaugeQuery {
  name: string;
  help: string;
  labels: string[];
  sql: string;
}

/** Runs younger than this count where a sum over all of history would read all of it. */
const DAY = `interval '24 hours'`;
const OF_RUNS = `vehicle_syncs s JOIN sync_runs r USING (run_id) WHERE r.started_at > now() - ${DAY}`;
const ENDED = `stage_runs WHERE status <> 'running'`;
/** The spec's rates are over what ran lately. */
const LATELY = `(SELECT *, row_number() OVER (PARTITION BY worker_id ORDER BY started_at DESC) AS age FROM ${ENDED}) lately WHERE age <= 100`;
const LAST = `(SELECT DISTINCT ON (worker_id) * FROM ${ENDED} ORDER BY worker_id, started_at DESC) last`;

/** The spec's four groups (execution time, success rate, data volume, error rate), the graph, and the sync's figures. */
export const GAUGES: GaugeQuery[] = [
  {
    name: 'fleetgraph_stage_last_duration_seconds',
    help: 'Execution time of the stage’s last run (target below 300, alert above 600).',
    labels: ['worker_id'],
    sql: `SELECT worker_id, extract(epoch FROM finished_at - started_at)::float8 AS value FROM ${LAST}`,
  },
  {
    name: 'fleetgraph_stage_duration_seconds_avg',
    help: 'Mean execution time of the stage’s last 100 runs.',
    labels: ['worker_id'],
    sql: `SELECT worker_id, avg(extract(epoch FROM finished_at - started_at))::float8 AS value FROM ${LATELY} GROUP BY 1`,
  },
  {
    name: 'fleetgraph_stage_runs',
    help: 'Runs of the stage by how they ended.',
    labels: ['worker_id', 'status'],
    sql: 'SELECT worker_id, status, count(*)::float8 AS value FROM stage_runs GROUP BY 1, 2',
  },
  {
    name: 'fleetgraph_stage_success_ratio',
    help: 'Share of the stage’s last 100 runs that did not fail (target above 0.95, alert below 0.9).',
    labels: ['worker_id'],
    sql: `SELECT worker_id, avg((status <> 'failed')::int)::float8 AS value FROM ${LATELY} GROUP BY 1`,
  },
  {
    name: 'fleetgraph_stage_error_ratio',
    help: 'Share of the stage’s last 100 runs that failed (target below 0.05, alert above 0.1).',
    labels: ['worker_id'],
    sql: `SELECT worker_id, avg((status = 'failed')::int)::float8 AS value FROM ${LATELY} GROUP BY 1`,
  },
  {
    name: 'fleetgraph_stage_records',
    help: 'Records that the stage’s last run processed.',
    labels: ['worker_id', 'change'],
    sql: `SELECT worker_id, change, value::float8 FROM ${LAST}, LATERAL (VALUES ('added', added), ('updated', updated), ('deleted', deleted)) AS v(change, value)`,
  },
  {
    name: 'fleetgraph_stage_last_success_timestamp_seconds',
    help: 'When the stage last ended well.',
    labels: ['worker_id'],
    sql: `SELECT worker_id, extract(epoch FROM max(finished_at))::float8 AS value FROM stage_runs WHERE status IN ('success', 'skipped') GROUP BY 1`,
  },
  {
    name: 'fleetgraph_graph_size',
    help: 'Nodes and edges of the live graph.',
    labels: ['kind'],
    sql: `SELECT kind, value::float8 FROM graphs, LATERAL (VALUES ('nodes', nodes), ('edges', edges)) AS v(kind, value) WHERE state = 'active'`,
  },
  {
    name: 'fleetgraph_graph_age_seconds',
    help: 'Since when the live graph is live.',
    labels: [],
    sql: `SELECT extract(epoch FROM now() - activated_at)::float8 AS value FROM graphs WHERE state = 'active'`,
  },
  {
    name: 'fleetgraph_datasets_held',
    help: 'Datasets that wait for an operator.',
    labels: [],
    sql: `SELECT count(*)::float8 AS value FROM datasets WHERE state = 'held'`,
  },
  {
    name: 'fleetgraph_sync_runs',
    help: 'Fleet syncs by state.',
    labels: ['state'],
    sql: 'SELECT state, count(*)::float8 AS value FROM sync_runs GROUP BY 1',
  },
  {
    name: 'fleetgraph_sync_vehicles_24h',
    help: 'Vehicle syncs of the runs of the last day by status.',
    labels: ['status'],
    sql: `SELECT s.status, count(*)::float8 AS value FROM ${OF_RUNS} GROUP BY 1`,
  },
  {
    name: 'fleetgraph_sync_rows_24h',
    help: 'Rows of the runs of the last day by what became of them.',
    labels: ['result'],
    sql: `SELECT result, sum(value)::float8 AS value FROM ${OF_RUNS.replace(' WHERE', `, LATERAL (VALUES ('imported', s.inserted), ('duplicate', s.duplicates), ('quarantined', s.quarantined)) AS v(result, value) WHERE`)} GROUP BY 1`,
  },
  {
    name: 'fleetgraph_sync_bytes_24h',
    help: 'Bytes transferred by the runs of the last day.',
    labels: [],
    sql: `SELECT coalesce(sum(s.bytes), 0)::float8 AS value FROM ${OF_RUNS}`,
  },
  {
    name: 'fleetgraph_sync_failures_24h',
    help: 'Failed vehicle syncs of the last day by code.',
    labels: ['code'],
    sql: `SELECT s.failure_code AS code, count(*)::float8 AS value FROM ${OF_RUNS} AND s.status = 'failed' GROUP BY 1`,
  },
  {
    name: 'fleetgraph_sync_slots_busy',
    help: 'Worker slots that hold a vehicle now.',
    labels: [],
    sql: `SELECT count(*)::float8 AS value FROM vehicle_syncs WHERE state = 'claimed'`,
  },
  {
    name: 'fleetgraph_vehicles',
    help: 'Vehicles by how fresh they are: synced in the last two hours, the last day, before, or never.',
    labels: ['freshness'],
    sql: `SELECT CASE WHEN last_synced_at IS NULL THEN 'never' WHEN last_synced_at > now() - interval '2 hours' THEN '2h'
                      WHEN last_synced_at > now() - ${DAY} THEN '24h' ELSE 'older' END AS freshness, count(*)::float8 AS value
            FROM vehicles WHERE enabled GROUP BY 1`,
  },
  {
    name: 'fleetgraph_circuits_not_closed',
    help: 'Legacy servers that are left alone after failures.',
    labels: [],
    sql: `SELECT count(*)::float8 AS value FROM legacy_server_state WHERE breaker ->> 'state' <> 'closed'`,
  },
  {
    name: 'fleetgraph_quarantine_rows',
    help: 'Rows in quarantine by reason.',
    labels: ['reason'],
    sql: 'SELECT reason, count(*)::float8 AS value FROM quarantine GROUP BY 1',
  },
  {
    name: 'fleetgraph_alerts_24h',
    help: 'Alerts raised in the last day.',
    labels: [],
    sql: `SELECT count(*)::float8 AS value FROM alerts WHERE at > now() - ${DAY}`,
  },
];
