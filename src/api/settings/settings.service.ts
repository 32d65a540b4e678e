import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { type SettingDefinition, boundsOf, describeBounds, typeOf } from '../../settings/definition.ts';
import { SETTING_GROUPS } from '../../settings/setting-groups.ts';
import { writeSetting } from '../../settings/store.ts';
import type { Actor } from '../auth/actor.ts';
import { Database } from '../core/database.ts';
import { Problem, notFound } from '../core/problem.ts';

const definitions = new Map<string, { setting: SettingDefinition; category: string }>(
  SETTING_GROUPS.flatMap(({ prefix, settings }) =>
    Object.values(settings).map((setting) => [setting.key, { setting, category: prefix }] as const),
  ),
);

interface SettingRow {
  key: string;
  value: string;
  updatedAt: Date;
}

@Injectable()
export class SettingsService {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async list(category?: string): Promise<object> {
    const rows = new Map((await this.#rows()).map((row) => [row.key, row]));
    const keys = [...definitions.keys()].filter(
      (key) => category === undefined || definitions.get(key)?.category === category,
    );
    return { success: true, settings: keys.map((key) => describe(key, rows.get(key))), count: keys.length };
  }

  async read(key: string): Promise<object> {
    if (!definitions.has(key)) throw notFound(`setting ${key}`, '/api/v1/settings');
    const [row] = await this.#rows(key);
    return { success: true, setting: describe(key, row) };
  }

  async write(
    key: string,
    { value, reason }: { value: string | number | boolean; reason?: string | undefined },
    actor: Actor,
  ): Promise<object> {
    const definition = definitions.get(key);
    if (definition === undefined) throw notFound(`setting ${key}`, '/api/v1/settings');
    const by = { actor: actor.name, ...(reason === undefined ? {} : { reason }) };
    try {
      await this.#database.write((pool) => writeSetting(pool, key, String(value), by));
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'InvalidSetting') throw error;
      const message = `allowed is ${describeBounds(definition.setting)}`;
      throw new Problem('InvalidSetting', error.message, {
        errors: [{ field: 'body.value', rule: 'bounds', message }],
      });
    }
    return this.read(key);
  }

  #rows(key: string | null = null): Promise<SettingRow[]> {
    return this.#database.rows<SettingRow>(
      'SELECT key, value, updated_at AS "updatedAt" FROM system_settings WHERE $1::text IS NULL OR key = $1',
      [key],
    );
  }
}

function describe(key: string, row: SettingRow | undefined): object {
  const { setting, category } = definitions.get(key)!;
  const type = typeOf(setting);
  return {
    key,
    value: row === undefined ? setting.default : typed(type, row.value),
    type,
    default: setting.default,
    allowed: describeBounds(setting),
    bounds: boundsOf(setting),
    description: setting.description,
    category,
    updatedAt: row?.updatedAt.toISOString() ?? null,
  };
}

function typed(type: string, value: string): string | number | boolean {
  return type === 'number' ? Number(value) : type === 'boolean' ? value === 'true' : value;
}
