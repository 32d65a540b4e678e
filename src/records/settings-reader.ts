import type pg from 'pg';
import type { Listener } from '../connections/listen.ts';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { listenSettings, readSettings } from './settings.ts';

/** The only way for a worker process to read the settings of the legacy sync. */
export interface SettingsReader {
  /**
   * Reads the settings as they are now, from the pool by default. When a row is refused, the settings of the last good reading are used and
   * the refusal is logged: an operator's slip must not end a running fleet.
   * Errors: InvalidSetting before the first good reading.
   */
  read(database?: Queryable): Promise<LegacySyncSettings>;
  /** The settings of the last good reading, without a query. Throws before the first good reading. */
  current(): LegacySyncSettings;
  /** Reads again whenever a row changes, by any means, and after a lost connection, because changes may have been missed. */
  follow(url: string, onChange: (settings: LegacySyncSettings) => void): Promise<Listener>;
}

export function createSettingsReader(pool: pg.Pool, log: Logger): SettingsReader {
  let lastGood: LegacySyncSettings | null = null;
  let [begun, latest] = [0, 0];

  async function read(database: Queryable = pool): Promise<LegacySyncSettings> {
    begun += 1;
    const turn = begun;
    try {
      const settings = await readSettings(database);
      // Readings overlap. One that began earlier must not replace the result of a later one.
      if (turn > latest) [latest, lastGood] = [turn, settings];
      return settings;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'InvalidSetting' || !lastGood) throw error;
      log.error({ code: error.code }, `${error.message} Until then the last good settings are used.`);
      return lastGood;
    }
  }

  function current(): LegacySyncSettings {
    if (!lastGood) throw new Error('The settings were asked for before they had been read for the first time.');
    return lastGood;
  }

  return {
    read,
    current,
    follow: (url, onChange) =>
      listenSettings(
        url,
        () =>
          void read().then(onChange, (error: unknown) =>
            log.error({ err: error }, 'the changed settings could not be read; the last good ones stay in force'),
          ),
        (error) => log.warn({ err: error }, 'listening for changed settings was interrupted; it is taken up again'),
      ),
  };
}
