import { insertInto, type LegacySchema, local, round } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'gps_table',
      fixes.map((fix) => [
        null,
        `KA-01-F-${fix.bus}`,
        ` ${fix.latitude}`,
        `${fix.longitude} `,
        String(round(fix.kmh / 1.609344, 2)),
        `${local(fix.seconds, 5.5).replace(' ', 'T')}+05:30`,
      ]),
    ),
  columns: {
    id: 'id',
    vehicle: 'bus_id',
    time: { column: 'timestamp', format: 'iso-8601' },
    latitude: 'latitude',
    longitude: 'longitude',
    speedKmh: { column: 'speed', unit: 'mph' },
  },
  says: [/speed is in mph/],
  labels: ['KA-01-F-0', 'KA-01-F-1', 'KA-01-F-2'],
  kmh: 0.02,
};
