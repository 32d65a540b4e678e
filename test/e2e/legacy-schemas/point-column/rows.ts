import { insertInto, type LegacySchema, local } from '../schema.ts';

/** Its DATETIMEs are Yakutsk's, which nobody says: the times of receipt do. */
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
        local(fix.seconds, 9),
        `=POINT(${fix.longitude}, ${fix.latitude})`,
        fix.kmh,
      ]),
    )}`,
  columns: {
    id: 'position_id',
    vehicle: 'unit_id',
    time: 'gps_time',
    receivedAt: 'received_at',
    latitude: { column: 'location', format: 'point-y' },
    longitude: { column: 'location', format: 'point-x' },
    speedKmh: 'spd',
  },
  says: [/agree with them in Etc\/GMT-9/, /spd is in kmh/],
  labels: ['1', '2', '3'],
  kmh: 0.01,
};
