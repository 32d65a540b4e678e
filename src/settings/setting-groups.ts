import type { SettingDefinition } from './definition.ts';
import { LEGACY_SYNC_SETTINGS } from './legacy-sync.ts';
import { TRANSPORT_GRAPH_SETTINGS } from './transport-graph.ts';

/** The settings of one pipeline. */
export interface SettingGroup {
  /** First part of every key, and the rows' category. */
  prefix: string;
  settings: Record<string, SettingDefinition>;
}

export const LEGACY_SYNC_GROUP = { prefix: 'legacy_sync', settings: LEGACY_SYNC_SETTINGS } satisfies SettingGroup;
export const TRANSPORT_GRAPH_GROUP = {
  prefix: 'transport_graph',
  settings: TRANSPORT_GRAPH_SETTINGS,
} satisfies SettingGroup;

export const SETTING_GROUPS: SettingGroup[] = [LEGACY_SYNC_GROUP, TRANSPORT_GRAPH_GROUP];

/** A setting, with the category of its row. */
export type KnownSetting = SettingDefinition & { category: string };

/** Every setting there is, in the order of its definition. */
export const SETTINGS_BY_KEY: ReadonlyMap<string, KnownSetting> = new Map(
  SETTING_GROUPS.flatMap(({ prefix, settings }) =>
    Object.values(settings).map((setting) => [setting.key, { ...setting, category: prefix }] as const),
  ),
);
