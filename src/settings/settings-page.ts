import { type SettingDefinition, describeBounds, typeOf } from './definition.ts';
import { SETTING_GROUPS } from './setting-groups.ts';

/** docs/settings.md, as the schema of the settings says it. */
export function settingsPage(): string {
  const settings = SETTING_GROUPS.flatMap((group) => Object.values(group.settings));
  const sections = new Map<string, SettingDefinition[]>();
  for (const setting of settings) {
    const prefix = setting.key.split('.').slice(0, 2).join('.');
    sections.set(prefix, [...(sections.get(prefix) ?? []), setting]);
  }
  return [
    '# Settings',
    '',
    'Rows of the table `system_settings`. A change reaches running syncs within seconds, by whatever means it is made:',
    '',
    '```sh',
    "npm run fleetgraph -- settings set legacy_sync.worker_pool.max_workers 5 --reason 'night run'",
    `psql "$DATABASE_URL" -c "UPDATE system_settings SET value = '5' WHERE key = 'legacy_sync.worker_pool.max_workers'"`,
    '```',
    '',
    'PostgreSQL refuses a value outside the bounds below. `fleetgraph migrate` adds rows that are missing and never changes a value.',
    'Durations are milliseconds, sizes bytes. A legacy server may have limits of its own (`legacy_servers.limits`).',
    '',
    'This page is generated from the files of `src/settings/legacy-sync/` and `src/settings/transport-graph/` by `src/settings/settings-page.ts`; a test holds it current.',
    ...[...sections].flatMap(([prefix, members]) => ['', `## ${prefix}`, '', ...table(members)]),
    '',
  ].join('\n');
}

function defaultOf(setting: SettingDefinition): string {
  return setting.default === '' ? '(empty)' : `\`${String(setting.default)}\``;
}

function table(settings: SettingDefinition[]): string[] {
  const rows = settings.map(
    (setting) =>
      `| \`${setting.key}\` | ${typeOf(setting)} | ${defaultOf(setting)} | ${describeBounds(setting)} | ${setting.description} |`,
  );
  return ['| Key | Type | Default | Allowed | What it does |', '|---|---|---|---|---|', ...rows];
}
