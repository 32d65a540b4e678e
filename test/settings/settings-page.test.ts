import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { type SettingDefinition, describeBounds } from '../../src/settings/definition.ts';
import { LEGACY_SYNC_SETTINGS } from '../../src/settings/legacy-sync.ts';
import { SETTING_GROUPS } from '../../src/settings/setting-groups.ts';
import { settingsPage } from '../../src/settings/settings-page.ts';

test('docs/settings.md is what the schema says', async () => {
  const page = await readFile(new URL('../../docs/settings.md', import.meta.url), 'utf8');
  expect(page).toBe(settingsPage());
});

test('every setting is on the page once, and its default is allowed', () => {
  const page = settingsPage();
  for (const setting of SETTING_GROUPS.flatMap(({ settings }) => Object.values(settings))) {
    expect(page.split(`| \`${setting.key}\` |`)).toHaveLength(2);
    expect(setting.schema.safeParse(setting.default).success).toBe(true);
  }
});

test.each([
  [LEGACY_SYNC_SETTINGS.maxWorkers, 'a whole number from 1 to 1000'],
  [LEGACY_SYNC_SETTINGS.maxCpuPercent, 'a number above 0 to 100'],
  [LEGACY_SYNC_SETTINGS.retryAttempts, 'a whole number of at least 0'],
  [LEGACY_SYNC_SETTINGS.transferMethod, 'one of exec, sftp, scp'],
  [LEGACY_SYNC_SETTINGS.poolEnabled, 'true or false'],
])('bounds are said in words', (setting: SettingDefinition, words) => {
  expect(describeBounds(setting)).toBe(words);
});
