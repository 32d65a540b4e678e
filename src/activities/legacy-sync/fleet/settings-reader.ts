import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { Logger } from '../../../logger.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { readSettings } from '../../../settings/store.ts';
import type { Queryable } from '../../../connections/postgres.ts';

export interface SettingsReader {
  /**
   * Settings as they are now. When a row is refused, those of the last good reading are used and the refusal is logged: a slip of an
   * operator's hand must not end a running fleet. Errors: InvalidSetting before the first good reading.
   */
  read(database?: Queryable): Promise<LegacySyncSettings>;
}

export function createSettingsReader(pool: pg.Pool, log: Logger): SettingsReader {
  let lastGood: LegacySyncSettings | null = null;
  return {
    async read(database = pool) {
      try {
        lastGood = await readSettings(database);
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'InvalidSetting' || !lastGood) throw error;
        log.error({ code: error.code }, `${error.message} Until then the last good settings are used.`);
      }
      return lastGood;
    },
  };
}
