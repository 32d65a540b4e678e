import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { GRAPH_GAUGES } from '../../../src/api/metrics/graph-gauges.ts';
import { fleetDatabase } from '../../support/fleet-fixture.ts';

const pool = fleetDatabase();
beforeEach(() => pool().query('TRUNCATE alerts, incidents, stage_runs, datasets CASCADE'));

const figures = (name: string) => GRAPH_GAUGES.find((gauge) => gauge.name === name)!.read(pool());

interface Ran {
  workerId?: string;
  minutesAgo: number;
  /** null: it runs. */
  minutes: number | null;
  pipelineRunId?: string;
  added?: number;
  datasetRows?: number;
}

async function ran({ workerId = 'graph-builder', minutesAgo, minutes, pipelineRunId, added = 0, datasetRows }: Ran) {
  const dataset = datasetRows === undefined ? null : await aDataset(datasetRows);
  await pool().query(
    `INSERT INTO stage_runs (worker_id, workflow_id, workflow_run_id, pipeline_run_id, status, added, dataset_version, started_at, finished_at)
     VALUES ($1, $1, $2, $3, $4, $5, $6, now() - make_interval(secs => $7), now() - make_interval(secs => $7 - $8))`,
    [
      workerId,
      randomUUID(),
      pipelineRunId ?? null,
      minutes === null ? 'running' : 'success',
      added,
      dataset,
      60 * minutesAgo,
      minutes === null ? null : 60 * minutes,
    ],
  );
}

async function aDataset(stops: number): Promise<string> {
  const { rows } = await pool().query<{ version: string }>(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, stops, routes, flights)
     VALUES ('here', repeat('a', 64), repeat('a', 64), 'superseded', $1, 0, 0) RETURNING version`,
    [stops],
  );
  return rows[0]!.version;
}

const rounded = async (name: string, unit = 0.1) =>
  (await figures(name)).map((row) => ({ ...row, value: Math.round(Number(row.value) / unit) * unit }));

test('a stage and a pipeline that run, and how long the last ones took', async () => {
  const [before, now] = [randomUUID(), randomUUID()];
  expect(await figures('fleetgraph_pipeline_seconds')).toEqual([]);
  await ran({ workerId: 'odata-sync-worker', minutesAgo: 100, minutes: 3, pipelineRunId: before });
  await ran({ minutesAgo: 96, minutes: 6, pipelineRunId: before });
  await ran({ workerId: 'odata-sync-worker', minutesAgo: 12, minutes: 1, pipelineRunId: now });
  await ran({ minutesAgo: 11, minutes: null, pipelineRunId: now });
  expect(await rounded('fleetgraph_stage_running_seconds', 60)).toEqual([{ worker_id: 'graph-builder', value: 660 }]);
  expect(await rounded('fleetgraph_pipeline_seconds', 60)).toEqual([
    { run: 'running', value: 720 },
    { run: 'last', value: 600 },
  ]);
});

test('a stage’s records against the median of the ten runs before, as soon as there are three of them', async () => {
  const ratios = () => rounded('fleetgraph_stage_records_ratio', 0.2);
  // The eleventh before does not count.
  await ran({ minutesAgo: 1_000, minutes: 1, added: 1_000_000 });
  await ran({ minutesAgo: 100, minutes: 1, added: 90 });
  await ran({ minutesAgo: 99, minutes: 1, added: 100 });
  expect(await ratios()).toEqual([]);
  for (let n = 0; n < 8; n += 1) await ran({ minutesAgo: 90 - n, minutes: 1, added: 100 });
  await ran({ minutesAgo: 1, minutes: 1, added: 40 });
  expect(await ratios()).toEqual([{ worker_id: 'graph-builder', value: 0.4 }]);
  // Of the source it is what the dataset has, and not how little of it changed.
  for (const [n, rows] of [500, 510, 490, 500, 1_000].entries()) {
    await ran({ workerId: 'odata-sync-worker', minutesAgo: 50 - n, minutes: 1, added: n, datasetRows: rows });
  }
  expect(await ratios()).toEqual(expect.arrayContaining([{ worker_id: 'odata-sync-worker', value: 2 }]));
});

test('the schedule, and none where it is off', async () => {
  expect(await figures('fleetgraph_pipeline_schedule_seconds')).toEqual([{ value: 21_600 }]);
  await pool().query(`UPDATE system_settings SET value = 'false' WHERE key = 'transport_graph.schedule.enabled'`);
  expect(await figures('fleetgraph_pipeline_schedule_seconds')).toEqual([]);
});

test('open alerts are counted by kind and level', async () => {
  await pool().query(
    `INSERT INTO incidents (kind, about, level, over_at) VALUES ('circuit-open', 'a', 'warning', NULL), ('circuit-open', 'b', 'warning', NULL),
       ('circuit-open', 'c', 'critical', NULL), ('run-lost', 'd', 'critical', now())`,
  );
  expect(await figures('fleetgraph_open_alerts')).toEqual([
    { kind: 'circuit-open', level: 'warning', value: 2 },
    { kind: 'circuit-open', level: 'critical', value: 1 },
  ]);
});
