/** The commands of the three cases of docs/operations.md, run on cases as they are described there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EmulatedSource, startOdataSource } from '../../../src/emulators/odata-source.ts';
import { writeSetting } from '../../../src/records/settings.ts';
import { checkoutDir } from '../../../src/stack/checkout-dir.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { runProgram } from '../../support/fleet-worker.ts';
import { holdSource } from '../../support/pipeline.ts';
import { sourceNetwork } from '../../support/source-network.ts';

let fixture: ApiFixture;
let source: EmulatedSource;

beforeAll(async () => {
  [fixture, source] = await Promise.all([
    openApi({ environment: { FLEETGRAPH_API_LOOPBACK_READS: 'true' } }),
    startOdataSource({ ...sourceNetwork(4) }),
  ]);
  const settings = { 'odata.url': source.url, 'schedule.enabled': 'false', 'virtual.horizon_days': '3' };
  for (const [key, value] of Object.entries(settings)) {
    await writeSetting(fixture.fleet.pool, `transport_graph.${key}`, value, { actor: 'test' });
  }
  await fixture.fleet.startWorker({
    env: {
      FLEETGRAPH_REDIS_URL: fixture.environment['FLEETGRAPH_REDIS_URL']!,
      FLEETGRAPH_WORKER_ROLES: 'transport-graph',
    },
  });
  expect((await fixture.post('/api/v1/workers/execute')).status).toBe(200);
}, 180_000);
afterAll(async () => {
  await source?.close();
  await fixture?.close();
});

/** Something new to sync. */
const change = (minutes: number): void => {
  Object.assign(source.sets, sourceNetwork(4));
  for (const route of source.sets['Routes']!) route['DurationMinutes'] = minutes;
};

/** The lines and queries of one of the three cases of docs/operations.md, in the order they stand there. */
function commandsOf(title: string): { lines: string[]; queries: string[] } {
  const page = readFileSync(join(checkoutDir(), 'docs/operations.md'), 'utf8');
  const section = page.split(`\n### ${title}\n`)[1]?.split(/^##/m)[0] ?? '';
  const blocks = (language: string) =>
    [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block]) => block!.trim());
  return {
    lines: blocks('sh').flatMap((block) => block.split('\n')),
    queries: blocks('sql').flatMap((block) => block.split(/(?<=;)\n/)),
  };
}

/** Runs a line as a shell does, with this fixture's API and build in place of the printed ones. */
async function runLine(line: string): Promise<string> {
  const { api, environment, fleet } = fixture;
  if (line.startsWith('temporal ')) return (await fleet.temporal(...line.split(' ').slice(1))).stdout;
  const here = line
    .replace('npm run fleetgraph --', `${process.execPath} ${join(checkoutDir(), 'dist/cli/main.js')}`)
    .replace('http://localhost:3000', api.url);
  const { stdout, stderr } = await runProgram('sh', ['-c', here], environment);
  return `${stdout}${stderr}`;
}

const isRunning = async (): Promise<boolean> =>
  (await fixture.get('/api/v1/workers/pipeline/status')).body.pipeline.isRunning;

test('docs, worker won’t start: what the lines say of a stage that cannot run, and that it runs when it is forced', async () => {
  const { lines } = commandsOf("Worker won't start");
  const [status, doctor, force] = lines as [string, string, string];
  expect(lines).toHaveLength(3);
  change(61);
  const { asked, release } = holdSource(source);
  const running = fixture.post('/api/v1/workers/odata-sync-worker/execute');
  await asked();
  expect((await fixture.post('/api/v1/workers/odata-sync-worker/execute')).body.error).toMatch(/already running/);
  expect(await runLine(status.replace('graph-builder', 'odata-sync-worker'))).toContain('"lastStatus":"running"');
  release();
  expect((await running).status).toBe(200);
  // Nobody polls for the legacy sync here.
  expect(await runLine(doctor)).toMatch(/task queue legacy-sync: no worker polls it/);
  expect(await runLine(force)).toMatch(/Graph built successfully/);
  expect(await runLine(status)).toMatch(/"lastStatus":"success"/);
});

test('docs, pipeline stuck: what the lines say of a source that does not answer, and that they end it and run it again', async () => {
  const { lines, queries } = commandsOf('Pipeline stuck');
  const [status, ready, describe, cancel, again] = lines as [string, string, string, string, string];
  expect(lines).toHaveLength(5);
  change(62);
  const { asked, release } = holdSource(source);
  const stuck = fixture.post('/api/v1/workers/execute', undefined, { headers: { prefer: 'respond-async' } });
  await asked();
  expect((await stuck).status).toBe(202);
  expect(await runLine(status)).toContain('"isRunning":true');
  expect(await runLine(ready)).toContain('"name":"postgres","status":"up"');
  expect(await runLine(describe)).toMatch(/transport-graph\/odata-sync-worker/);
  // Of two sessions one waits for the other.
  const [holder, waiter] = [await fixture.fleet.pool.connect(), await fixture.fleet.pool.connect()];
  try {
    await holder.query('BEGIN; LOCK TABLE stops');
    const waiting = waiter.query('SELECT count(*) FROM stops');
    const { rows: pids } = await holder.query('SELECT pg_backend_pid() AS pid');
    await eventually(async () => {
      const { rows } = await fixture.fleet.pool.query(queries[0]!);
      expect(rows).toEqual([
        expect.objectContaining({ blocked_by: [pids[0].pid], query: 'SELECT count(*) FROM stops' }),
      ]);
    });
    await holder.query('ROLLBACK');
    await waiting;
  } finally {
    holder.release();
    waiter.release();
  }
  expect(await runLine(cancel)).not.toMatch(/error/i);
  release();
  await eventually(async () => expect(await isRunning()).toBe(false), { withinMs: 30_000 });
  expect(await runLine(again)).toMatch(/graph-builder/);
  expect(await runLine(status)).toContain('"isRunning":false');
  expect((await fixture.get('/api/v1/workers/graph-builder/status')).body.worker.lastStatus).toBe('success');
});

test('docs, graph not building: the lines and queries name what is invalid', async () => {
  const { lines, queries } = commandsOf('Graph not building');
  const [doctor, status] = lines as [string, string];
  const [report, ...counts] = queries as [string, ...string[]];
  expect([lines.length, counts.length]).toEqual([2, 4]);
  const { pool } = fixture.fleet;
  const counted = () =>
    Promise.all(counts.map(async (query) => Number((await pool.query<{ count: string }>(query)).rows[0]!.count)));
  const before = await counted();
  expect(before.at(-1)).toBe(0);
  await pool.query(
    `UPDATE flights SET from_stop_id = 'nowhere' WHERE id = (SELECT min(id) FROM flights WHERE NOT is_virtual)`,
  );
  expect(await counted()).toEqual([...before.slice(0, 3), 1]);
  await pool.query(`UPDATE routes SET from_stop_id = 'nowhere' WHERE id = (SELECT min(id) FROM routes)`);
  const { body } = await fixture.post('/api/v1/workers/graph-builder/execute', { force: true, reason: 'by the test' });
  expect(body).toMatchObject({ success: false });
  expect(await runLine(doctor)).toMatch(/stage graph-builder: its last run failed: .*nowhere/);
  expect(await runLine(status)).toMatch(/graph-builder +\S+ +failed/);
  const { rows } = await pool.query(report);
  expect(JSON.stringify(rows)).toContain('nowhere');
});
