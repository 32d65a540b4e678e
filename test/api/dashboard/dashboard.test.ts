import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { writeSetting } from '../../../src/records/settings.ts';
import { freePort } from '../../../src/stack/ports.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { startApiProcess } from '../../support/api-process.ts';
import { sourceNetwork } from '../../support/source-network.ts';
import { openBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { LOOKS, picture } from '../../support/picture.ts';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import { type EmulatedSource, startOdataSource } from '../../../src/emulators/odata-source.ts';
import {
  type DashboardPage,
  WITHIN,
  logIn,
  openDashboard,
  overflow,
  slotBars,
  tabTo,
  violations,
} from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`the dashboard is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const UI_URL = 'http://temporal.example:8233';
/** Slow enough to watch, and lifted when there was enough to see. */
const SLOW = { kind: 'rate', bytesPerSecond: 60_000 } as const;

let fixture: ApiFixture;
let source: EmulatedSource;
let dashboard: DashboardPage;
let page: Page;
let link: FaultProxy;

beforeAll(async () => {
  if ('missing' in found) return;
  const port = await freePort();
  [fixture, source] = await Promise.all([
    openApi({
      environment: { FLEETGRAPH_TEMPORAL_UI_URL: UI_URL, FLEETGRAPH_API_PORT: String(port) },
    }),
    startOdataSource({ ...sourceNetwork(6) }),
  ]);
  for (const [key, value] of [
    ['odata.url', source.url],
    ['virtual.horizon_days', '3'],
  ] as const) {
    await writeSetting(fixture.fleet.pool, `transport_graph.${key}`, value, { actor: 'test' });
  }
  await fixture.fleet.set({ 'export.range_rows': 2_000 });
  dashboard = await openDashboard(found, fixture.api.url);
  page = dashboard.page;
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await source?.close();
  await fixture?.close();
});

const panel = (name: string, of = page) => of.getByRole('region', { name, exact: true });
const button = (name: string | RegExp, of = page) => of.getByRole('button', { name, exact: true });
const runState = (word: string, of = page) =>
  panel('Fleet sync', of).locator('.run-state', { hasText: word }).waitFor(WITHIN);

test('a key that is none is refused in words; one that is in force opens the page, and leaves no trace of itself', async () => {
  await page.getByLabel('API key').fill('nobody.nothing');
  await button('Log in').click();
  await page.getByRole('alert').getByText('unknown, expired or revoked').waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'login');
  await logIn(page, fixture.keys.operator);
  expect(page.url()).toBe(`${fixture.api.url}/`);
  expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).toBe('{}');
  await page.reload();
  await page.getByText('test operator · operator').waitFor();
});

test('before anything has run, each part says so', async () => {
  await panel('Fleet sync').getByText('No fleet sync has run yet.').waitFor();
  await panel('Vehicles').getByText('There are no vehicles yet.').waitFor();
  await panel('Transport graph').getByText('There is no graph yet').waitFor();
  await panel('Transport-graph pipeline').getByText('never ran').first().waitFor();
  await panel('Transport-graph pipeline').getByText('there is no schedule').waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'nothing-yet');
});

test('the pipeline is run by clicking: its stages end, the graph is drawn, and the schedule is told', async () => {
  await fixture.fleet.startWorker({ env: { FLEETGRAPH_REDIS_URL: fixture.environment['FLEETGRAPH_REDIS_URL']! } });
  await button('Run pipeline…').click();
  await button('Run').click();
  const succeeded = panel('Transport-graph pipeline').locator('.stage-status', { hasText: /^success$/ });
  await eventually(async () => expect(await succeeded.count()).toBe(3));
  const graph = panel('Transport graph');
  await graph.getByText('graph-v1000000001').first().waitFor();
  await graph.getByText('short-horizon').waitFor();
  await graph.getByRole('img', { name: /^Map of the network: \d+ stops, \d+ connections/ }).waitFor();
  const drawn = `(() => { const map = document.querySelector('canvas.map');
    return map.getContext('2d').getImageData(0, 0, map.width, map.height).data.filter((_, i) => i % 4 === 3 && _ > 0).length; })()`;
  expect(await page.evaluate(drawn)).toBeGreaterThan(500);
  await panel('Transport-graph pipeline')
    .getByText(/^Next run: in \d+/)
    .waitFor();
  const stage = panel('Transport-graph pipeline').getByRole('link', {
    name: 'The last run of Graph Builder in Temporal’s Web UI',
  });
  expect(await stage.getAttribute('href')).toMatch(`${UI_URL}/namespaces/${fixture.fleet.namespace}/workflows/`);
});

test('a held dataset is decided on with a reason, which the dialog insists on', async () => {
  await fixture.fleet.pool.query(
    `INSERT INTO datasets (source, content_sha256, raw_sha256, state, held_reason, stops, routes, flights)
     VALUES ('other', repeat('1', 64), repeat('1', 64), 'held', 'stops shrank by 90 %', 1, 2, 3)`,
  );
  // As a worker tells it: it stands above the page for as long as nobody has decided.
  await fixture.fleet.pool.query(
    `INSERT INTO alerts (worker_id, subject, message, dedupe_key, delivery)
     SELECT 'odata-sync-worker', 'a dataset is held', 'nine of ten stops are gone', 'held/other/' || max(version), '{"webhook":"off","email":"off"}'
       FROM datasets`,
  );
  await page.getByText('stops shrank by 90 %').waitFor();
  const told = page.locator('#alerts');
  await told.getByText('Warning: a dataset is held').click();
  await told.getByText(/^nine of ten stops are gone .*Alert: dataset-held\.$/).waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'held');
  await page.getByRole('button', { name: /^Approve dataset/ }).click();
  await button('Approve').click();
  expect(await page.locator('dialog input:invalid').count()).toBe(1);
  await page.getByLabel('Reason').fill('a line was closed');
  await button('Approve').click();
  await page.getByText('approved by test operator').waitFor();
  await told.getByText('a dataset is held').waitFor({ state: 'detached' });
  const { rows } = await fixture.fleet.pool.query(`SELECT reason FROM audit_log WHERE action = 'dataset.approved'`);
  expect(rows).toEqual([{ reason: 'a line was closed' }]);
});

test('a run is started by clicking and its bars move; it is paused, resumed and given another slot', async () => {
  const { fleet } = fixture;
  link = await fleet.linkToHost();
  await fleet.addVehicles(6, { rows: 16_000 });
  await fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 6`);
  link.set(SLOW);
  await button('Start sync…').click();
  await button('Start').click();
  await runState('running');
  await eventually(async () => expect((await slotBars(page)).length).toBe(3), { withinMs: 30_000 });
  const seen = new Set<number>();
  await eventually(
    async () => {
      for (const value of await slotBars(page)) if (value > 0 && value < 100) seen.add(value);
      expect(seen.size).toBeGreaterThan(2);
    },
    { withinMs: 45_000, everyMs: 200 },
  );
  await button('Pause…').click();
  await button('Pause').click();
  await runState('paused');
  await button('Resume…').click();
  await button('Resume').click();
  await runState('running');
  await button('Worker slots…').click();
  await page.getByLabel('Worker slots', { exact: true }).fill('4');
  await button('Set').click();
  await eventually(async () => expect((await slotBars(page)).length).toBe(4));
});

test.each(LOOKS)(
  'while it runs, at %i pixels and in the %s: axe finds nothing, and nothing is wider than the window',
  async (width, colorScheme) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(`document.querySelectorAll('details').forEach((each) => (each.open = true))`);
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    await button('Start sync…').click();
    await page.getByRole('dialog').waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    await page.keyboard.press('Escape');
  },
);

test('the API is killed: the page says so and goes on by itself when it is back', async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await fixture.api.kill();
  const banner = page.getByText('Connection lost, retrying…');
  await banner.waitFor();
  expect(await panel('Fleet sync').locator('.figures').first().isVisible()).toBe(true);
  expect(await violations(page)).toEqual([]);
  await picture(page, 'connection-lost');
  // As a run leaves it whose rows do not mean what the mapping says.
  await fixture.fleet.pool.query(
    `UPDATE sync_runs SET warnings = '[{"serverId": "depot", "found": "the mapping contradicts its rows: speed is in knots"}]'`,
  );
  Object.assign(fixture.api, await startApiProcess(fixture.environment));
  await banner.waitFor({ state: 'hidden' });
  link.set({ kind: 'pass' });
  await runState('completed');
  await page.getByText('The fleet sync has ended: 5 vehicles synced, 1 failed.').waitFor();
});

test('what came of it: figures, throughput, what is doubted, the vehicle that failed and why, links to Temporal', async () => {
  const fleet = panel('Fleet sync');
  await fleet.getByRole('listitem').getByText('depot: the mapping contradicts its rows: speed is in knots.').waitFor();
  await fleet.getByText('80,000').first().waitFor();
  await fleet.getByRole('img', { name: /^Rows imported over time\. Peak [\d,]+/ }).waitFor();
  const href = await fleet.getByRole('link', { name: 'This run in Temporal’s Web UI' }).getAttribute('href');
  expect(href).toMatch(`${UI_URL}/namespaces/${fixture.fleet.namespace}/workflows/fleet-sync%2Fall/`);
  const figures = panel('Key figures');
  await figures.getByText(/^1 run$/).waitFor(WITHIN);
  await figures.locator('figure', { hasText: 'Success' }).getByText('83.3 %').waitFor();
  // The one that failed did so before a slot had it.
  await figures.getByText(/^No worker slot had an error\. SSH connections in use: /).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByLabel('Show', { exact: true }).selectOption({ label: 'Last sync failed' });
  const rows = panel('Vehicles').locator('tbody tr');
  await eventually(async () => expect(await rows.count()).toBe(1));
  expect(await rows.first().innerText()).toMatch(/bus-6[\s\S]*failed[\s\S]*TableMissing/);
  await picture(page, 'ended');
  await page.getByLabel('Name contains').fill('nobody');
  await page.getByText('No vehicle matches.').waitFor();
});

test('a vehicle that was read with its table says in which slice, and leads to the slice in Temporal', async () => {
  const { rows: read } = await fixture.fleet.pool.query<{ runId: string }>(
    `WITH last AS (SELECT run_id FROM vehicle_syncs WHERE vehicle_id = 5 ORDER BY planned_at DESC LIMIT 1),
          read AS (INSERT INTO table_reads (run_id, server_id, table_name, slices, overlap_ids)
                   SELECT run_id, 'depot', 'gps', 12, 0 FROM last RETURNING id, run_id)
     UPDATE vehicle_syncs AS sync SET read_id = read.id, read_slice = 3 FROM read
      WHERE sync.run_id = read.run_id AND sync.vehicle_id = 5 RETURNING sync.run_id AS "runId"`,
  );
  await page.getByLabel('Show', { exact: true }).selectOption({ label: 'All' });
  await page.getByLabel('Name contains').fill('bus-5');
  const row = panel('Vehicles').locator('tbody tr', { hasText: 'slice 3 of 12' });
  await row.waitFor(WITHIN);
  const href = await row.getByRole('link').getAttribute('href');
  expect(href).toContain(encodeURIComponent(`table-slice/depot/gps/${read[0]!.runId}/3`));
  await picture(page, 'slice');
  await page.getByLabel('Name contains').fill('');
});

test('by keyboard alone: log in, start a run, see it end; a dialog that is left gives the focus back', async () => {
  const { page: keys, context, trespasses } = await openDashboard(found as never, fixture.api.url);
  await keys.getByLabel('API key').waitFor();
  await keys.keyboard.type(fixture.keys.operator);
  await keys.keyboard.press('Enter');
  await tabTo(keys, '[data-act=start]');
  expect(await keys.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe('solid');
  await keys.keyboard.press('Enter');
  await keys.getByRole('dialog').waitFor();
  await keys.keyboard.press('Escape');
  await keys.getByRole('dialog').waitFor({ state: 'hidden' });
  await tabTo(keys, '[data-act=start]');
  await keys.keyboard.press('Enter');
  await keys.getByRole('dialog').waitFor();
  await keys.keyboard.press('Enter');
  await keys.getByText('The fleet sync has begun.').waitFor();
  await keys.getByText(/^The fleet sync has ended/).waitFor();
  expect(trespasses()).toEqual([]);
  await context.close();
});

test('a viewer sees everything and is offered no act', async () => {
  const { page: viewer, context } = await openDashboard(found as never, fixture.api.url);
  await logIn(viewer, fixture.keys.viewer);
  await runState('completed', viewer);
  await panel('Vehicles', viewer).getByText('bus-1', { exact: true }).waitFor();
  await panel('Transport graph', viewer).getByText('graph-v1000000001').first().waitFor();
  expect(await viewer.locator('[data-act], input[type=checkbox]').count()).toBe(0);
  await button('Log out', viewer).click();
  expect(await viewer.evaluate('JSON.stringify(sessionStorage)')).toBe('{}');
  await context.close();
});

test('no request has left the API, and the browser had nothing to refuse', () => {
  expect(dashboard.trespasses()).toEqual([]);
});
