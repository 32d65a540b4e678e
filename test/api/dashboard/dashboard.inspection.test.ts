/** From a login to a server whose vehicles are synced, on the dashboard, against a Traccar's tables. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { type ApiFixture, openApi, startSyncWorker } from '../../support/fleet-api.ts';
import { picture } from '../../support/picture.ts';
import { type TraccarDepot, openTraccarDepot } from '../../support/traccar-depot.ts';
import { type DashboardPage, logIn, openDashboard, overflow, tabTo, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`adding a server on the dashboard is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;

let fixture: ApiFixture;
let depot: TraccarDepot;
let dashboard: DashboardPage;
let page: Page;

beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  [depot] = await Promise.all([openTraccarDepot(fixture.fleet.stack), startSyncWorker(fixture)]);
  dashboard = await openDashboard(found, fixture.api.url);
  page = dashboard.page;
  await logIn(page, fixture.keys.admin);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await depot?.database.drop();
  await fixture?.close();
});

const panel = () => page.getByRole('region', { name: 'Add a legacy server', exact: true });
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const posted = (path: string): string[] => {
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET' && request.url().includes(path)) sent.push(request.postData() ?? '');
  });
  return sent;
};

/** At both widths, in both schemes: axe finds nothing, and nothing is wider than the window. */
async function looksWell(name: string): Promise<void> {
  for (const width of [1280, 375])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      expect([width, colorScheme, await violations(page)]).toEqual([width, colorScheme, []]);
      expect([width, await overflow(page)]).toEqual([width, 0]);
    }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, name);
}

test('a secret in the place of a reference is refused by the form, and never sent', async () => {
  const sent = posted('/inspections');
  await button('Add a server…').click();
  for (const [label, value] of [
    ['Name of the server here', 'traccar'],
    ['Host', depot.login.host],
    ['Port of sshd (optional)', String(depot.login.port)],
    ['Login', depot.login.user],
    ['Private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
    ['MySQL user', depot.login.mysqlUser],
    ['MySQL password (optional)', 'Tr0ub4dor'],
    ['Port of MySQL (optional)', String(depot.login.mysqlPort)],
    ['Host of MySQL (optional)', '127.0.0.1'],
    ['TLS to MySQL (optional)', 'of course'],
  ] as const)
    await panel().getByLabel(label, { exact: true }).fill(value);
  await button('Inspect').click();
  expect(await panel().locator('input:invalid').count()).toBe(3);
  await panel().getByLabel('TLS to MySQL (optional)').fill('off');
  await panel().getByLabel('The host is from before 2015').check();
  await panel().getByLabel('Private key').fill(depot.login.privateKeyRef);
  await panel().getByLabel('MySQL password (optional)').fill(depot.login.mysqlPasswordRef);
  expect(sent).toEqual([]);
  await looksWell('server-login');
});

test('the host’s key is compared before anything is sent, and then all is told: the way, tables, mapping, rows, what hurts', async () => {
  await button('Inspect').click();
  await panel().getByRole('heading', { name: 'Is this the host that is meant?' }).waitFor();
  await panel().getByText(fixture.fleet.stack.ssh.hostKeyFingerprint).waitFor();
  await looksWell('server-host-key');
  await button('It is the same: go on').click();
  const title = panel().getByRole('heading', { name: `proposed is ${depot.database.name}.tc_positions` });
  await title.waitFor();
  expect(await title.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
  await panel()
    .getByText(/^Logged in as /)
    .waitFor();
  const rowOf = (caption: string) => panel().getByRole('table', { name: caption }).locator('tbody tr');
  expect(await rowOf('Tables that look like positions').first().innerText()).toMatch(
    /tc_positions\s+traccar\s+shared\s+1\s+InnoDB\s+15 columns, 2 indexes/,
  );
  expect(await rowOf('The proposed mapping').allInnerTexts()).toEqual(
    expect.arrayContaining([expect.stringMatching(/^speedKmh\s+speed\s+unit: knots$/)]),
  );
  expect(await rowOf('Rows as they would arrive').count()).toBe(5);
  const index = panel().locator('code', { hasText: 'CREATE INDEX `fleetgraph` ON `tc_positions` (`deviceid`, `id`);' });
  await index.waitFor();
  await looksWell('server-inspected');
});

test('by keyboard: it is saved, its vehicles are found, and added, with those that appear later', async () => {
  await tabTo(page, '[data-act=save-server]');
  await page.keyboard.press('Enter');
  await page.getByLabel('Reason (optional)').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.type('a second depot');
  await page.keyboard.press('Enter');
  await panel().getByText('3 vehicles there, 3 of them not synced yet').waitFor();
  await panel().getByText('Bus 14: tc_positions, 1').waitFor();
  await looksWell('server-vehicles');
  await tabTo(page, '[data-act=add-vehicles]');
  await page.keyboard.press('Enter');
  await page.getByLabel(/^Add vehicles that appear later by themselves/).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await panel().getByText('3 vehicles there, 0 of them not synced yet').waitFor();
  const vehicles = page.getByRole('region', { name: 'Vehicles', exact: true });
  await vehicles.getByText('Bus 16', { exact: true }).waitFor();
  await eventually(async () =>
    expect((await fixture.get('/api/v1/settings/legacy_sync.vehicles.auto_add')).body.setting.value).toBe(true),
  );
  const { rows } = await fixture.fleet.pool.query(
    `SELECT action, reason FROM audit_log WHERE action = 'server.created'`,
  );
  expect(rows).toEqual([{ action: 'server.created', reason: 'a second depot' }]);
  const saved = await fixture.fleet.pool.query(
    "SELECT mysql_host, mysql_tls, limits ->> 'legacyAlgorithms' AS old FROM legacy_servers WHERE id = 'traccar'",
  );
  expect(saved.rows).toEqual([{ mysql_host: '127.0.0.1', mysql_tls: 'off', old: 'true' }]);
});

test('what stops the way is told with its code, and a server that is known is replaced', async () => {
  await panel().getByLabel('Private key').fill('file:/nowhere/key');
  await button('Inspect').click();
  await panel().getByRole('heading', { name: 'The way ended here.' }).waitFor();
  await panel().getByText('SecretUnavailable:').waitFor();
  await looksWell('server-failed');
  await panel().getByLabel('Private key').fill(depot.login.privateKeyRef);
  await button('Inspect').click();
  await button('Save the server…').click();
  await page.getByRole('dialog').getByText('Replace what is configured for traccar?').waitFor();
  await button('Replace').click();
  await panel().getByText('3 vehicles there, 0 of them not synced yet').waitFor();
});

test('no request has left the API, the browser had nothing to refuse, and who is no admin is not offered it', async () => {
  expect(dashboard.trespasses()).toEqual([]);
  const { page: theirs, context } = await openDashboard(found as never, fixture.api.url);
  await logIn(theirs, fixture.keys.operator);
  await theirs.getByRole('region', { name: 'Vehicles', exact: true }).waitFor();
  expect(await theirs.getByText('Add a legacy server').count()).toBe(0);
  await context.close();
});
