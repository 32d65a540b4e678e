import type pg from 'pg';
import { Failure } from '../../errors.ts';
import { boundsOf, typeOf } from '../../settings/definition.ts';
import { SETTING_GROUPS } from '../../settings/setting-groups.ts';

/**
 * Adds a row for every setting that has none, and refreshes the bounds that PostgreSQL checks. It never overwrites a value.
 * Errors: InvalidSetting when a stored value is outside the bounds of this version.
 */
export async function ensureSettings(database: pg.ClientBase): Promise<void> {
  const rows = SETTING_GROUPS.flatMap(({ prefix, settings }) =>
    Object.values(settings).map((setting) => ({
      key: setting.key,
      value: String(setting.default),
      type: typeOf(setting),
      category: prefix,
      bounds: boundsOf(setting),
    })),
  );
  try {
    // In key order, so that two processes take the rows' locks in the same order.
    await database.query(
      `INSERT INTO system_settings AS present (key, value, type, category, bounds)
       SELECT key, value, type, category, bounds
       FROM jsonb_to_recordset($1::jsonb) AS wanted(key text, value text, type text, category text, bounds jsonb)
       ORDER BY key
       ON CONFLICT (key) DO UPDATE SET bounds = EXCLUDED.bounds WHERE present.bounds IS DISTINCT FROM EXCLUDED.bounds`,
      [JSON.stringify(rows)],
    );
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '23514')) throw error;
    throw new Failure(
      'InvalidSetting',
      `A setting stands at a value that this version refuses: ${error.message}. Correct the row.`,
      {
        cause: error,
      },
    );
  }
}
