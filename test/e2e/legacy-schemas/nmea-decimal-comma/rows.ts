import { insertInto, type LegacySchema, local, nmea, round } from '../schema.ts';

const comma = (value: number): string => String(value).replace('.', ',');

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      '`Точки`',
      fixes.map((fix) => {
        const [date = '', time = ''] = local(fix.seconds, 9).split(' ');
        return [
          null,
          `А 12${fix.bus} ВС/14`,
          date.split('-').reverse().join('.'),
          time,
          comma(nmea(fix.latitude)),
          'N',
          comma(nmea(fix.longitude)),
          'E',
          comma(round(fix.kmh / 1.852, 2)),
          comma(fix.heading),
        ];
      }),
    ),
  columns: {
    id: 'id',
    vehicle: 'госномер',
    time: { date: 'gps_date', clock: 'gps_time', format: 'DD.MM.YYYY HH:mm:ss' },
    latitude: { column: 'lat', format: 'nmea', decimalComma: true, hemisphere: 'ns' },
    longitude: { column: 'lon', format: 'nmea', decimalComma: true, hemisphere: 'ew' },
    speedKmh: { column: 'speed', unit: 'knots', decimalComma: true },
  },
  says: [/ddmm.mmmm/, /lat has a decimal comma/, /speed is in knots/],
  labels: ['А 120 ВС/14', 'А 121 ВС/14', 'А 122 ВС/14'],
  timeZone: 'Asia/Yakutsk',
  degrees: 2e-6,
  kmh: 0.02,
};
