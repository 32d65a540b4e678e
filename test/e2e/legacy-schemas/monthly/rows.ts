import { insertInto, type LegacySchema, local } from '../schema.ts';

const MIDDLE = 1_750_001_500;

/** Ids begin anew with each month, and every bus drives in both. */
export const schema: LegacySchema = {
  system: 'plain',
  layout: 'per-month',
  insert: (fixes) =>
    `SET time_zone = '+00:00'; ${['gps_2025_06', 'gps_2025_07']
      .map((table, at) =>
        insertInto(
          table,
          fixes
            .filter(({ seconds }) => seconds > MIDDLE === (at === 1))
            .map((fix) => [null, `bus ${fix.bus}`, local(fix.seconds), fix.latitude, fix.longitude, fix.kmh]),
        ),
      )
      .join('\n')}`,
  columns: { id: 'id', vehicle: 'bus', time: 'dt', latitude: 'lat', longitude: 'lng', speedKmh: 'speed' },
  says: [/speed is in kmh/, /MyISAM/],
  labels: [0, 1, 2].flatMap((bus) => [`bus ${bus}`, `bus ${bus} (gps_2025_07)`]),
  kmh: 0.01,
};
