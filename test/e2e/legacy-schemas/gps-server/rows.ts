import { insertInto, type LegacySchema, local } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'gps-server',
  layout: 'per-vehicle',
  insert: (fixes) =>
    [0, 1, 2]
      .map((bus) =>
        insertInto(
          `gs_object_data_86000000000000${bus + 1}`,
          fixes
            .filter((fix) => fix.bus === bus)
            .map((fix) => [
              local(fix.seconds + 2),
              local(fix.seconds),
              fix.latitude,
              fix.longitude,
              fix.altitude,
              fix.heading,
              fix.kmh,
              '{"acc":"1"}',
            ]),
        ),
      )
      .join('\n'),
  columns: {
    id: { time: 'dt_tracker', format: 'datetime' },
    time: 'dt_tracker',
    latitude: 'lat',
    longitude: 'lng',
    speedKmh: 'speed',
  },
  says: [/has no increasing integer: rows are followed by dt_tracker/],
  labels: ['Bus 14', 'Bus 15', 'Bus 16'],
  attributes: () => ({ params: '{"acc":"1"}' }),
};
