import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { boundsOf, describeBounds, typeOf, valueOf } from '../../settings/definition.ts';
import { SETTINGS_BY_KEY } from '../../settings/setting-groups.ts';
import { type StoredSetting, listSettings, writeSetting } from '../../records/settings.ts';
import type { Actor } from '../core/actor.ts';
import { Database } from '../core/database.ts';
import { Problem, notFound } from '../core/problem.ts';

@Injectable()
export class SettingsService {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async list(category?: string): Promise<object> {
    const rows = new Map((await listSettings(this.#database.reader)).map((row) => [row.key, row]));
    const keys = [...SETTINGS_BY_KEY.keys()].filter(
      (key) => category === undefined || SETTINGS_BY_KEY.get(key)?.category === category,
    );
    return { success: true, settings: keys.map((key) => describe(key, rows.get(key))), count: keys.length };
  }

  async read(key: string): Promise<object> {
    if (!SETTINGS_BY_KEY.has(key)) throw notFound(`setting ${key}`, '/api/v1/settings');
    const [row] = await listSettings(this.#database.reader, key);
    return { success: true, setting: describe(key, row) };
  }

  async write(
    key: string,
    { value, reason }: { value: string | number | boolean; reason?: string | undefined },
    actor: Actor,
  ): Promise<object> {
    const setting = SETTINGS_BY_KEY.get(key);
    if (setting === undefined) throw notFound(`setting ${key}`, '/api/v1/settings');
    const by = { actor: actor.name, ...(reason === undefined ? {} : { reason }) };
    try {
      await this.#database.write((pool) => writeSetting(pool, key, String(value), by));
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'InvalidSetting') throw error;
      const message = `allowed is ${describeBounds(setting)}`;
      throw new Problem('InvalidSetting', error.message, {
        errors: [{ field: 'body.value', rule: 'bounds', message }],
      });
    }
    return this.read(key);
  }
}

function describe(key: string, row: StoredSetting | undefined): object {
  const setting = SETTINGS_BY_KEY.get(key)!;
  return {
    key,
    value: row === undefined ? setting.default : valueOf(setting, row.value),
    type: typeOf(setting),
    default: setting.default,
    allowed: describeBounds(setting),
    bounds: boundsOf(setting),
    description: setting.description,
    category: setting.category,
    updatedAt: row?.updatedAt.toISOString() ?? null,
  };
}
