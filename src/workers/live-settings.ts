import type pg from 'pg';
import type { Logger } from '../logger.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { listenSettings, readSettings } from '../settings/store.ts';

export interface LiveSettings {
  current(): LegacySyncSettings;
  close(): Promise<void>;
}

/**
 * The settings as they are in PostgreSQL now, followed by NOTIFY. A change that is refused keeps the last good ones.
 * `onChange` is also called after a lost connection, when changes may have been missed.
 */
export async function openLiveSettings(
  { pool, url, logger }: { pool: pg.Pool; url: string; logger: Logger },
  onChange: (settings: LegacySyncSettings) => void,
): Promise<LiveSettings> {
  let settings = await readSettings(pool);
  const refresh = async (): Promise<void> => {
    try {
      settings = await readSettings(pool);
      onChange(settings);
    } catch (error) {
      logger.error({ err: error }, 'the changed settings were refused; the last good ones stay in force');
    }
  };
  const listener = await listenSettings(
    url,
    () => void refresh(),
    (error) => logger.warn({ err: error }, 'listening for changed settings was interrupted; it is taken up again'),
  );
  return { current: () => settings, close: () => listener.close() };
}
