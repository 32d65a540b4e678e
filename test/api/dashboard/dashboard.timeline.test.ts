/** What the worker slots of a run held, as a chart and as a table, while the run goes on. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { SERVER_ID } from '../../support/fleet.ts';
import { LOOKS, picture } from '../../support/picture.ts';
import { WITHIN, logIn, openDashboard, overflow, tabTo, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`the timeline on the dashboard is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const RUN = '5a2e16fc-0ad4-4df0-8c6a-9a1b2c3d4e5f';

let fixture: ApiFixture;
let page: Page;
let trespasses: () => string[];

/** A run with four slots of ten vehicles: each slot has ended nine, of which one has failed, and holds its last. */
beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  await fixture.fleet.addVehicles(40, { rows: 1 });
  const { pool } = fixture.fleet;
  await pool.query(
    `INSERT INTO sync_runs (run_id, workflow_id, selection, mode, requested_by, state, started_at)
     VALUES ($1, 'fleet-sync/all', '{"kind": "all"}', 'delta', 'test', 'running', now() - interval '100 seconds')`,
    [RUN],
  );
  await pool.query(
    `INSERT INTO vehicle_syncs (run_id, vehicle_id, server_id, state, status, slot, sequence, claimed_at, settled_at, lease_until, worked_ms, rows,
            planned_rows, failure_code, failure_message)
     SELECT $1, id, $2, CASE WHEN place < 9 THEN 'settled' ELSE 'claimed' END,
            CASE WHEN place = 9 THEN 'importing' WHEN place = 4 THEN 'failed' ELSE 'completed' END, slot, place + 1, began,
            CASE WHEN place < 9 THEN began + interval '9 seconds' END, CASE WHEN place = 9 THEN 'infinity'::timestamptz END, 6000, 500, 500,
            CASE WHEN place = 4 THEN 'TableMissing' END, CASE WHEN place = 4 THEN 'no such table' END
       FROM (SELECT id, 1 + (id - 1) % 4 AS slot, (id - 1) / 4 AS place, now() - interval '100 seconds' + (id - 1) / 4 * interval '10 seconds' AS began
               FROM vehicles) AS laid`,
    [RUN, SERVER_ID],
  );
  ({ page, trespasses } = await openDashboard(found, fixture.api.url));
  await logIn(page, fixture.keys.viewer);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await fixture?.close();
});

const chart = () => page.getByRole('application', { name: /^Worker slots over time\. / });
const told = () => page.locator('.timeline figcaption');
const held = (text: RegExp) => told().getByText(text).waitFor(WITHIN);

test('the chart tells what the slots held, and draws it', async () => {
  await chart().waitFor(WITHIN);
  await held(/^4 slots held 40 vehicles and slices: 4 failed, 4 in flight\.$/);
  const drawn = `(() => { const { width, height } = document.querySelector('.timeline canvas');
    const pixels = document.querySelector('.timeline canvas').getContext('2d').getImageData(0, 0, width, height).data;
    return pixels.filter((value, index) => index % 4 === 3 && value > 0).length / width / height; })()`;
  expect(await page.evaluate(drawn)).toBeGreaterThan(0.4);
});

test('by keyboard: along a slot, to another one, to what has failed and why', async () => {
  await tabTo(page, '.timeline-frame');
  await page.keyboard.press('Home');
  await held(/^Slot 1: bus-1, completed, 500 rows; from \d\d:\d\d:\d\d UTC\+9 for 9\.0 s, 6\.0 s of it work$/);
  await page.keyboard.press('ArrowDown');
  await held(/^Slot 2: bus-2, completed/);
  for (let place = 0; place < 4; place += 1) await page.keyboard.press('ArrowRight');
  await held(/^Slot 2: bus-18, failed by TableMissing, 500 rows/);
  await page.keyboard.press('End');
  await held(/^Slot 2: bus-38, importing, 500 rows/);
  await picture(page, 'timeline-chosen');
});

test('the pointer tells what it is at, and nothing when it has left', async () => {
  const box = (await page.locator('.timeline canvas').boundingBox())!;
  await page.mouse.move(box.x + 40, box.y + 5);
  await held(/^Slot 1: bus-1, completed/);
  await page.mouse.move(box.x + 40, box.y - 40);
  await held(/^4 slots held/);
});

test('as a table: the last begun first, with what failed in words', async () => {
  await page.locator('.timeline summary').click();
  const rows = page.getByRole('table', { name: 'What the worker slots held' }).locator('tbody tr');
  await eventually(async () => expect(await rows.count()).toBe(40));
  expect(await rows.first().innerText()).toMatch(/bus-37\s+importing/);
  expect(await rows.filter({ hasText: 'failed: TableMissing' }).count()).toBe(4);
});

test('what ends, begins or is put back while the page is open is told without a reload', async () => {
  const { pool } = fixture.fleet;
  await pool.query(
    `UPDATE vehicle_syncs SET state = 'settled', status = 'completed', settled_at = now(), lease_until = NULL WHERE vehicle_id = 37`,
  );
  await pool.query(
    `UPDATE vehicle_syncs SET state = 'planned', status = 'idle', slot = NULL, sequence = NULL, claimed_at = NULL, lease_until = NULL
      WHERE vehicle_id = 38`,
  );
  await held(/^4 slots held 39 vehicles and slices: 4 failed, 2 in flight\.$/);
});

test.each(LOOKS)(
  'at %i pixels and in the %s: axe finds nothing, and nothing is wider than the window',
  async (width, colorScheme) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await picture(page, 'timeline', [[width, colorScheme]]);
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    expect(trespasses()).toEqual([]);
  },
);
