import { insertInto, type LegacySchema, local } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    `SET time_zone = '+00:00'; ${insertInto(
      'avl',
      fixes.map((fix) => [
        null,
        fix.bus + 1,
        local(fix.seconds + 4),
        local(fix.seconds),
        fix.latitude,
        fix.longitude,
        fix.kmh,
      ]),
    )}`,
  columns: {
    id: 'position_id',
    vehicle: 'unit_id',
    time: 'gps_time',
    receivedAt: 'received_at',
    latitude: 'latitude',
    longitude: 'longitude',
    speedKmh: 'spd',
  },
  says: [/times of fixes and of receipt agree/, /spd is in kmh/],
  labels: ['1', '2', '3'],
  kmh: 0.01,
};
