/** A server is brought into operation step by step on the dashboard, by clicking. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { type ApiFixture, openApi, startSyncWorker } from '../../support/fleet-api.ts';
import { SERVER_ID } from '../../support/fleet.ts';
import { LOOKS, picture } from '../../support/picture.ts';
import { addNews, rolloutOf } from '../../support/rollout.ts';
import { WITHIN, logIn, openDashboard, overflow, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`rolling out on the dashboard is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;

let fixture: ApiFixture;
let page: Page;
let trespasses: () => string[];

beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  await fixture.fleet.addVehicles(3, { rows: 10 });
  await startSyncWorker(fixture);
  ({ page, trespasses } = await openDashboard(found, fixture.api.url));
  await logIn(page, fixture.keys.admin);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await fixture?.close();
});

const panel = () => page.getByRole('region', { name: 'Rollout', exact: true });
const button = (name: string) => panel().getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const confirm = async (label: string): Promise<void> => {
  await dialog().getByRole('button', { name: label, exact: true }).click();
  await dialog().waitFor({ state: 'detached' });
};
const step = (name: string) =>
  panel()
    .getByRole('row')
    .filter({ hasText: new RegExp(`^${name}`) });
const isJudged = (name: string, state: string) => step(name).getByText(state, { exact: true }).waitFor(WITHIN);
const reasons = async (action: string) =>
  (await fixture.fleet.pool.query('SELECT actor, reason FROM audit_log WHERE action = $1 ORDER BY id', [action])).rows;

test('before any rollout, the panel says so; one is started with what the dialog asks', async () => {
  await panel().getByText('No server was brought into operation step by step yet.').waitFor(WITHIN);
  await button('Start a rollout…').click();
  await dialog().getByLabel('Legacy server').selectOption(SERVER_ID);
  await dialog().getByLabel('In flight at the end (optional)').fill('2');
  await dialog().getByLabel('Reason (optional)').fill('the new depot');
  await picture(page, 'rollout-dialog');
  expect(await violations(page)).toEqual([]);
  await confirm('Start');
  await isJudged('test', 'good');
  expect((await step('test').getByRole('cell').allInnerTexts()).slice(1).map((text) => text.trim())).toEqual([
    'first 2',
    '1',
    'good',
    '2 of 2',
    '0',
    'closed',
  ]);
  await step('pilot').getByText('to come').waitFor();
  expect(await button('Start a rollout…').isDisabled()).toBe(true);
  expect(await reasons('rollout.start')).toEqual([{ actor: 'test admin', reason: 'the new depot' }]);
});

test('the next step is opened; one that was not good says why, and can be run again or taken back', async () => {
  await fixture.fleet.pool.query(`UPDATE vehicles SET legacy_table = 'nowhere' WHERE id = 3`);
  await addNews(fixture.fleet);
  await button(`Next step of ${SERVER_ID}`).click();
  await confirm('Open');
  await isJudged('pilot', 'not good');
  await panel()
    .getByText(/^66\.66 % of 3 vehicles succeeded \(2\), and 99 % must: 1 failed/)
    .waitFor(WITHIN);
  expect(await button(`Next step of ${SERVER_ID}`).isVisible()).toBe(false);

  await fixture.fleet.pool.query(`UPDATE vehicles SET legacy_table = 'gps' WHERE id = 3`);
  await addNews(fixture.fleet);
  await button(`Run again the step of ${SERVER_ID}`).click();
  await confirm('Run again');
  await isJudged('pilot', 'good');
  await panel()
    .getByText(/66\.66 %/)
    .waitFor({ state: 'detached' });

  await button(`Take back the step of ${SERVER_ID}`).click();
  await dialog().getByLabel('Reason').fill('not before Monday');
  await confirm('Take back');
  await isJudged('pilot', 'withdrawn');
  expect(await rolloutOf(fixture.fleet)).toMatchObject({ state: 'running' });
  expect(await reasons('rollout.back')).toEqual([{ actor: 'test admin', reason: 'not before Monday' }]);
});

test('unattended, it waits for news and says so; taken back, it is said to be unattended no more', async () => {
  await button(`Take back the step of ${SERVER_ID}`).click();
  await dialog().getByLabel('Reason').fill('begun anew');
  await confirm('Take back');
  await button('Start a rollout…').click();
  await dialog().getByLabel('Legacy server').selectOption(SERVER_ID);
  await dialog().getByLabel('Open each next step by itself while steps are good').check();
  await addNews(fixture.fleet);
  await confirm('Start');
  await isJudged('test', 'good');
  await panel()
    .getByText(/^Waits for news\. Only 1 of 3 vehicles had new rows/)
    .waitFor(WITHIN);
  await panel().getByText('Unattended, started by').waitFor(WITHIN);
  await button(`Take back the step of ${SERVER_ID}`).click();
  await dialog().getByLabel('Reason').fill('somebody is here now');
  await confirm('Take back');
  await panel()
    .getByText(/^Started by test admin/)
    .waitFor(WITHIN);
  expect(await panel().getByText('Unattended, started by').count()).toBe(0);
});

test.each(LOOKS)(
  'at %i pixels and in the %s: axe finds nothing, and nothing is wider than the window',
  async (width, scheme) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await picture(page, 'rollout');
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    expect(trespasses()).toEqual([]);
  },
);
