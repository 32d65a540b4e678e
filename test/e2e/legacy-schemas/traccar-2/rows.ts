import { insertInto, type LegacySchema, local, round } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'traccar-3',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'positions',
      fixes.map((fix) => [
        null,
        null,
        fix.altitude,
        fix.heading,
        fix.latitude,
        fix.longitude,
        '<info><protocol>gps103</protocol></info>',
        null,
        round(fix.kmh / 1.852, 5),
        local(fix.seconds, 9),
        "=b'1'",
        fix.bus + 1,
      ]),
    ),
  columns: { id: 'id', vehicle: 'device_id', time: 'time', speedKmh: { column: 'speed', unit: 'knots' } },
  says: [/time is a DATETIME, which carries no zone/, /speed is in knots/],
  labels: ['Bus 14', 'Bus 15', 'Bus 16'],
  timeZone: 'Asia/Yakutsk',
  kmh: 0.01,
  attributes: () => ({ address: null, other: '<info><protocol>gps103</protocol></info>', power: null, valid: 1 }),
};
