/** Schedules added, paused, resumed and deleted by clicking; Temporal holds them. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { FleetSchedules } from '../../../src/client/fleet-schedules.ts';
import { openBrowser } from '../../support/browser.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { picture } from '../../support/picture.ts';
import { WITHIN, logIn, openDashboard, overflow, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`schedules on the dashboard are not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
// The Temporal server is shared with other test files.
const NAME = `nightly-${process.pid}`;

let fixture: ApiFixture;
let schedules: FleetSchedules;
let page: Page;
let trespasses: () => string[];

beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  schedules = new FleetSchedules(fixture.fleet.client);
  ({ page, trespasses } = await openDashboard(found, fixture.api.url));
  await logIn(page, fixture.keys.operator);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await schedules?.delete(NAME).catch(() => {});
  await fixture?.close();
});

const panel = (of: Page = page) => of.getByRole('region', { name: 'Schedules', exact: true });
const line = (of: Page = page) => panel(of).getByRole('row').filter({ hasText: NAME });
const dialog = () => page.getByRole('dialog');
const cells = async (): Promise<string[]> =>
  (await line().getByRole('cell').allInnerTexts()).map((text) => text.trim());
const steer = async (verb: string): Promise<void> => {
  await line()
    .getByRole('button', { name: `${verb} ${NAME}` })
    .click();
  await dialog().getByLabel('Reason').fill('the depot moves');
  await dialog().getByRole('button', { name: verb, exact: true }).click();
};

test('a schedule is added, after times that nobody can keep were refused with the reason', async () => {
  await panel().getByRole('button', { name: 'Add schedule…' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill(NAME);
  await dialog().getByLabel('When, as crontab has it').fill('99 3 * * *');
  await dialog().getByLabel('Time zone').fill('Asia/Yakutsk');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().getByRole('alert').getByText('Minute is not in range').waitFor(WITHIN);
  await dialog().getByLabel('When, as crontab has it').fill('30 3 * * *');
  await dialog().getByLabel('Worker slots (optional)').fill('2');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await line().waitFor(WITHIN);
  expect((await cells()).slice(0, 4)).toEqual([
    NAME,
    'active',
    '30 3 * * * (Asia/Yakutsk)',
    'sync all vehicles: new rows, 2 slots',
  ]);
  const kept = (await schedules.find(NAME))!;
  expect(kept).toMatchObject({
    cron: '30 3 * * *',
    sync: { selection: { kind: 'all' }, mode: 'delta', maxWorkers: 2 },
  });
  const told = await line().getByRole('cell').nth(4).getAttribute('title');
  expect(told?.split('\n')).toHaveLength(kept.nextTimes.length);
  expect(await line().locator('time').getAttribute('datetime')).toBe(kept.nextTimes[0]!.toISOString());
});

test('of which vehicles it is, is told for each kind of selection', async () => {
  const kept = (await schedules.find(NAME))!;
  const selections = [
    [{ kind: 'server', serverId: 'depot', first: 2 }, 'the first 2 vehicles of depot'],
    [{ kind: 'server', serverId: 'depot' }, 'all vehicles of depot'],
    [{ kind: 'list', vehicleIds: ['1', '2'] }, '2 vehicles'],
    [{ kind: 'priority', atLeast: 5 }, 'vehicles of priority 5 and more'],
  ] as const;
  for (const [selection, told] of selections) {
    const chosen = 'vehicleIds' in selection ? { ...selection, vehicleIds: [...selection.vehicleIds] } : selection;
    await schedules.put({ ...kept, sync: { selection: chosen, mode: 'full' } });
    await line().getByText(`sync ${told}: everything again`).waitFor(WITHIN);
  }
});

test('it is paused and resumed with a reason that stays beside it', async () => {
  await steer('Pause');
  await line().getByText('paused', { exact: true }).waitFor(WITHIN);
  expect(await line().getByRole('cell').nth(1).getAttribute('title')).toBe('test operator: the depot moves');
  expect((await cells())[4]).toBe('–');
  expect(await schedules.find(NAME)).toMatchObject({ paused: true });
  await steer('Resume');
  await line().getByText('active', { exact: true }).waitFor(WITHIN);
  expect(await schedules.find(NAME)).toMatchObject({ paused: false });
});

test('the one of this name becomes a comparison of the last days', async () => {
  await panel().getByRole('button', { name: 'Add schedule…' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill(NAME);
  await dialog().getByLabel('When, as crontab has it').fill('0 5 * * 0');
  await dialog().getByLabel('Compare and repair, the last days', { exact: true }).check();
  await dialog().getByLabel('Compare and repair, the last days: number').fill('14');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await line().getByText('compare all vehicles: the last 14 days, and repair').waitFor(WITHIN);
  expect((await cells())[2]).toBe('0 5 * * 0 (UTC)');
  await picture(page, 'dashboard-schedules');
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 375, height: 800 });
  expect(await overflow(page)).toBe(0);
  expect(trespasses()).toEqual([]);
});

test('a viewer sees it without buttons; it is deleted, and no more', async () => {
  const { page: other, context } = await openDashboard(found as never, fixture.api.url);
  await logIn(other, fixture.keys.viewer);
  await line(other).waitFor(WITHIN);
  expect(await panel(other).getByRole('button').count()).toBe(0);
  await context.close();
  await steer('Delete');
  await line().waitFor({ ...WITHIN, state: 'detached' });
  expect(await schedules.find(NAME)).toBeNull();
});
