/** What differs from the source and what could not be imported, seen and mended on the dashboard by clicking and by keyboard. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { type ApiFixture, openApi, startSyncWorker, untilRunEnded } from '../../support/fleet-api.ts';
import { TABLE } from '../../support/fleet.ts';
import { LOOKS, picture } from '../../support/picture.ts';
import { WITHIN, logIn, openDashboard, overflow, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`reconciling on the dashboard is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const NULL_ISLAND = 'latitude = 0, longitude = 0';

let fixture: ApiFixture;
let page: Page;
let trespasses: () => string[];

beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  const { fleet } = fixture;
  await fleet.set({ 'quarantine.max_percent': 100 });
  await fleet.changeServer({ values: { nullIsland: 'quarantine' } });
  await fleet.addVehicles(2, { rows: 10 });
  await fleet.legacy.query(`UPDATE ${TABLE} SET ${NULL_ISLAND} WHERE vehicle_id = 2 ORDER BY id LIMIT 2`);
  await startSyncWorker(fixture);
  await untilRunEnded(fixture, (await fixture.post('/api/v1/legacy-sync/runs', {})).body.runId);
  await fleet.legacy.query(`UPDATE ${TABLE} SET speed = 99 WHERE vehicle_id = 1 ORDER BY id LIMIT 1;
    DELETE FROM ${TABLE} WHERE vehicle_id = 1 ORDER BY id DESC LIMIT 1`);
  await fleet.pool.query(
    'DELETE FROM positions WHERE legacy_id = (SELECT max(legacy_id) FROM positions WHERE vehicle_id = 2)',
  );
  // Of a run that has ended nothing is asked again.
  await fleet.pool.query('UPDATE vehicle_syncs SET without_fix = 1 WHERE vehicle_id = 1');
  ({ page, trespasses } = await openDashboard(found, fixture.api.url));
  await logIn(page, fixture.keys.admin);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await fixture?.close();
});

const panel = (name: string) => page.getByRole('region', { name, exact: true });
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const confirm = async (label: string): Promise<void> => {
  await dialog().getByRole('button', { name: label, exact: true }).click();
  await dialog().getByRole('button', { name: label, exact: true }).waitFor({ state: 'detached' });
};
const differing = (vehicle: string) => panel('Reconciliation').getByRole('row').filter({ hasText: vehicle });
const figure = (label: string) => panel('Reconciliation').locator('.figure', { hasText: label }).locator('dd');
const toast = (text: string | RegExp) => page.locator('.toast', { hasText: text }).waitFor(WITHIN);
const reasons = async (action: string) =>
  (await fixture.fleet.pool.query('SELECT actor, reason FROM audit_log WHERE action = $1', [action])).rows;

test('before anything was compared, the panel says so', async () => {
  await panel('Reconciliation').getByText('Nothing was compared yet.').waitFor();
  await panel('Quarantine').getByText('NullIsland').waitFor();
});

test('rows without a fix that were skipped are counted beside those in quarantine', async () => {
  await page.getByText('2 rows in quarantine, 1 without a fix skipped').waitFor(WITHIN);
});

test('vehicles are compared by clicking, and each kind of difference is told by vehicle and day', async () => {
  await button('Compare…').click();
  await dialog().getByLabel('Reason (optional)').fill('the depot restored a backup');
  await confirm('Compare');
  await panel('Reconciliation').locator('.run-state').getByText('completed', { exact: true }).waitFor(WITHIN);
  await differing('bus-2').waitFor(WITHIN);
  const cells = async (vehicle: string) =>
    (await differing(vehicle).getByRole('cell').allInnerTexts()).slice(1, 5).map((text) => text.trim());
  // Missing, changed, extra, quarantined.
  expect(await cells('bus-1')).toEqual(['0', '1', '1', '0']);
  expect(await cells('bus-2')).toEqual(['1', '0', '0', '2']);
  expect(await reasons('reconciliation.start')).toEqual([
    { actor: 'test admin', reason: 'the depot restored a backup' },
  ]);

  await button('Days of bus-1 that differ').focus();
  await page.keyboard.press('Enter');
  const day = panel('Reconciliation').getByRole('row').filter({ hasText: '2025-01-01' });
  await day.waitFor(WITHIN);
  expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Days of bus-1 that differ');
  expect(await day.innerText()).toMatch(/9 \/ 10/);
});

test.each(LOOKS)(
  'with differences, at %i pixels and in the %s: axe finds nothing, and nothing is wider than the window',
  async (width, scheme) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await picture(page, 'differences');
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
  },
);

test('a vehicle tells about itself: where it was, how its syncs went, and the days that differ', async () => {
  await page.getByRole('button', { name: 'About bus-1' }).focus();
  await page.keyboard.press('Enter');
  const about = dialog();
  await about.getByRole('heading', { name: 'bus-1' }).waitFor(WITHIN);
  await about.getByText(/^10 positions$/).waitFor(WITHIN);
  expect(
    await page.evaluate<boolean>(
      `document.querySelector('dialog canvas').getContext('2d').getImageData(0, 0, 600, 200).data.some((value) => value > 0)`,
    ),
  ).toBe(true);
  const rowsOf = (name: string) => about.getByRole('table', { name }).getByRole('row');
  const texts = async (name: string) =>
    (await rowsOf(name).nth(1).getByRole('cell').allInnerTexts()).map((text) => text.trim());
  expect((await texts('The latest syncs of this vehicle')).slice(2, 5)).toEqual(['completed', '10', '10']);
  await about.getByText(/^bus-1, compared .*: 9 rows there and 10 here; 1 day differed\.$/).waitFor(WITHIN);
  // Missing, changed, extra, quarantined, repaired.
  expect((await texts('Days that differed when they were last compared')).slice(1)).toEqual([
    'bus-1',
    '0',
    '1',
    '1',
    '0',
    '–',
  ]);
  await picture(page, 'dashboard-vehicle');
  expect(await violations(page)).toEqual([]);
  const before = page.viewportSize()!;
  await page.setViewportSize({ width: 375, height: 800 });
  expect(await overflow(page)).toBe(0);
  await page.setViewportSize(before);
  await page.keyboard.press('Escape');
  await about.waitFor({ state: 'detached' });
  expect(await page.evaluate<string>(`document.activeElement.getAttribute('aria-label')`)).toBe('About bus-1');
});

test('a repair is asked for with a reason; what the source does not have is removed by a word of its own', async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await button('Repair…').click();
  await dialog().getByText('Repair 2 days that differ?').waitFor();
  await dialog().getByRole('button', { name: 'Repair' }).click();
  // Without a reason the dialog stays.
  await dialog().locator('input:invalid').waitFor();
  await dialog().getByLabel('Reason').fill('as they say');
  await confirm('Repair');
  await figure('Days repaired').getByText('2 of 2').waitFor(WITHIN);
  await button('Remove 1 extra row…').click();
  await dialog().getByLabel('Reason').fill('a test drive');
  await picture(page, 'remove-dialog');
  expect(await violations(page)).toEqual([]);
  await confirm('Remove');
  await toast('1 row removed.');
  await button('Remove 1 extra row…').waitFor({ state: 'hidden' });
  expect(await reasons('reconciliation.repair')).toEqual([{ actor: 'test admin', reason: 'as they say' }]);
  expect(await reasons('extra-positions.removed')).toEqual([{ actor: 'test admin', reason: 'a test drive' }]);
});

test('quarantined rows are tried again: first it is said what would come in', async () => {
  const ask = async (reason: string) => {
    await button('Try again…').click();
    await dialog().getByLabel('Kept for').selectOption('NullIsland');
    await dialog().getByLabel('Vehicle id (optional)').fill('2');
    await dialog().getByLabel('Kept since (optional)').fill('2020-01-01');
    await dialog().getByLabel('Reason').fill(reason);
    await dialog().getByRole('button', { name: 'See what would come in' }).click();
  };
  const kept = async () => (await fixture.fleet.pool.query('SELECT FROM quarantine')).rowCount;
  await ask('to see it');
  await dialog().getByText('Of 2 rows none would come in.').waitFor(WITHIN);
  await button('Cancel').click();
  await fixture.fleet.changeServer({ values: { nullIsland: 'flag' } });
  await ask('the policy was mended');
  await dialog().getByText('Import 2 rows of 1 vehicle?').waitFor(WITHIN);
  expect(await kept()).toBe(2);
  await confirm('Import');
  await toast(/^2 rows imported\./);
  await panel('Quarantine').getByText('No row is in quarantine.').waitFor(WITHIN);
  expect(await kept()).toBe(0);
  expect(trespasses()).toEqual([]);
});
