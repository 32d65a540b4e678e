/** Settings changed with their bounds and a reason, the audit log that tells of it, and the health of the servers, by clicking. */
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { recordServerCheck } from '../../../src/records/server-checks.ts';
import { openBrowser } from '../../support/browser.ts';
import { type ApiFixture, openApi } from '../../support/fleet-api.ts';
import { SERVER_ID } from '../../support/fleet.ts';
import { picture } from '../../support/picture.ts';
import { WITHIN, logIn, openDashboard, overflow, violations } from './dashboard-page.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`settings and audit on the dashboard are not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const QUIET = 'legacy_sync.server.quiet_hours';
const ADAPTIVE = 'legacy_sync.adaptive.enabled';

let fixture: ApiFixture;
let page: Page;
let trespasses: () => string[];

beforeAll(async () => {
  if ('missing' in found) return;
  fixture = await openApi();
  ({ page, trespasses } = await openDashboard(found, fixture.api.url));
  await logIn(page, fixture.keys.admin);
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await fixture?.close();
});

const panel = (name: string) => page.getByRole('region', { name, exact: true });
const setting = (key: string) => panel('Settings').getByRole('row').filter({ hasText: key });
const dialog = () => page.getByRole('dialog');
const value = async (key: string): Promise<string | undefined> => {
  const { rows } = await fixture.fleet.pool.query<{ value: string }>(
    'SELECT value FROM system_settings WHERE key = $1',
    [key],
  );
  return rows[0]?.value;
};
const search = (word: string): Promise<void> => panel('Settings').getByLabel('Name or description contains').fill(word);
const cells = async (key: string): Promise<string[]> =>
  (await setting(key).getByRole('cell').allInnerTexts()).map((text) => text.trim());

test('what the last health check of a server found stands in its row', async () => {
  const { pool } = fixture.fleet;
  await recordServerCheck(pool, SERVER_ID, { durationMs: 1_400, failure: null });
  await panel('Legacy servers')
    .getByText(/^answered in 1.4 s, /)
    .waitFor(WITHIN);
  const failure = { code: 'SshUnreachable', message: 'no route to the depot' };
  await recordServerCheck(pool, SERVER_ID, { durationMs: 9, failure });
  await panel('Legacy servers').getByText('SshUnreachable, first ').waitFor(WITHIN);
});

test('a setting is found by a word, and a value out of bounds is refused with what is allowed', async () => {
  await search('quiet_hours');
  await setting(QUIET).waitFor(WITHIN);
  expect((await cells(QUIET)).slice(0, 3)).toEqual([QUIET, '(empty)', '(empty)']);
  await setting(QUIET)
    .getByRole('button', { name: `Change ${QUIET}` })
    .click();
  await dialog()
    .getByLabel(/^Value: /)
    .fill('at night');
  await dialog().getByLabel('Reason').fill('the depot asked for it');
  await dialog().getByRole('button', { name: 'Change' }).click();
  await dialog().getByRole('alert').getByText('quiet_hours').waitFor(WITHIN);
  expect(await value(QUIET)).toBe('');
  await dialog()
    .getByLabel(/^Value: /)
    .fill('07:00-09:00 Europe/Belgrade');
  await dialog().getByRole('button', { name: 'Change' }).click();
  await page.locator('.toast', { hasText: `${QUIET} is changed.` }).waitFor(WITHIN);
  expect(await value(QUIET)).toBe('07:00-09:00 Europe/Belgrade');
});

test('blanks and other digits are no number', async () => {
  const key = 'legacy_sync.server.check_interval_ms';
  await search('check_interval');
  await setting(key).getByRole('button').click();
  await dialog().getByLabel('Reason').fill('by mistake');
  for (const written of ['   ', '0x10', '1e3']) {
    await dialog()
      .getByLabel(/^Value: /)
      .fill(written);
    await dialog().getByRole('button', { name: 'Change' }).click();
    await dialog().getByRole('alert').getByText('Give a number, in digits.').waitFor(WITHIN);
  }
  await dialog().getByRole('button', { name: 'Cancel' }).click();
  expect(await value(key)).toBe('300000');
});

test('a switch is chosen by keyboard, and what is not as by default stands there without a word', async () => {
  await search('adaptive.enabled');
  await setting(ADAPTIVE).getByRole('button').focus();
  await page.keyboard.press('Enter');
  await dialog()
    .getByLabel(/^Value: /)
    .selectOption('true');
  await dialog().getByLabel('Reason').fill('two weeks without trouble');
  await page.keyboard.press('Enter');
  await page.locator('.toast', { hasText: `${ADAPTIVE} is changed.` }).waitFor(WITHIN);
  expect(await value(ADAPTIVE)).toBe('true');
  await search('');
  await setting(QUIET).waitFor(WITHIN);
  expect((await cells(ADAPTIVE)).slice(0, 3)).toEqual([ADAPTIVE, 'true', 'false']);
});

test('the audit log has both, by whom and why, and is searched', async () => {
  const act = (key: string) => panel('Audit').getByRole('row').filter({ hasText: key });
  await act(ADAPTIVE).waitFor(WITHIN);
  expect((await act(QUIET).getByRole('cell').allInnerTexts()).slice(1).map((text) => text.trim())).toEqual([
    'test admin',
    'setting.changed',
    QUIET,
    'the depot asked for it',
  ]);
  await panel('Audit').getByLabel('Who, exactly').fill('nobody');
  await panel('Audit').getByText('No such act is kept.').waitFor(WITHIN);
  await panel('Audit').getByLabel('Who, exactly').fill('test admin');
  await act(ADAPTIVE).waitFor(WITHIN);
  await picture(page, 'dashboard-settings-and-audit');
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 375, height: 800 });
  expect(await overflow(page)).toBe(0);
  expect(trespasses()).toEqual([]);
});

test('a viewer sees the values, and neither buttons nor the audit log', async () => {
  if ('missing' in found) return;
  const { page: other, context } = await openDashboard(found, fixture.api.url);
  await logIn(other, fixture.keys.viewer);
  const settings = other.getByRole('region', { name: 'Settings', exact: true });
  await settings.getByRole('row').filter({ hasText: ADAPTIVE }).waitFor(WITHIN);
  expect(await settings.getByRole('button').count()).toBe(0);
  expect(await other.getByRole('region', { name: 'Audit', exact: true }).count()).toBe(0);
  await context.close();
});
