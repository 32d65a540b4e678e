import { insertInto, type LegacySchema } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'track',
      fixes.map((fix) => [
        null,
        `86000000000000${fix.bus}`,
        fix.seconds,
        Math.round(fix.latitude * 1e6),
        Math.round(fix.longitude * 1e6),
        Math.round(fix.kmh),
        fix.heading,
      ]),
    ),
  columns: {
    id: 'uid',
    vehicle: 'imei',
    time: { column: 'dt', format: 'unix-seconds' },
    latitude: { column: 'lat', factor: 1e-6 },
    longitude: { column: 'lon', factor: 1e-6 },
    speedKmh: 'speed',
  },
  says: [/with 0.000001 they are ways of a vehicle/, /speed is in kmh/],
  labels: ['860000000000000', '860000000000001', '860000000000002'],
  kmh: 0.5,
};
