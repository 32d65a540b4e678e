import { type Fix, insertInto, type LegacySchema, local } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'per-vehicle',
  insert: (fixes) =>
    `SET time_zone = '+00:00'; ${[0, 1, 2]
      .map((bus) =>
        insertInto(
          `bus_10${bus + 1}`,
          fixes
            .filter((fix) => fix.bus === bus)
            .map((fix: Fix) => [null, local(fix.seconds), fix.latitude, fix.longitude, fix.kmh]),
        ),
      )
      .join('\n')}`,
  columns: { id: 'id', time: 'ts', latitude: 'lat', longitude: 'lon', speedKmh: 'speed_kmh' },
  labels: ['bus_101', 'bus_102', 'bus_103'],
};
