import { insertInto, type LegacySchema, local, round } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'traccar-3',
  layout: 'shared',
  insert: (fixes) =>
    `SET time_zone = '+00:00'; ${insertInto(
      'positions',
      fixes.map((fix) => [
        null,
        'gps103',
        fix.bus + 1,
        local(fix.seconds + 2),
        local(fix.seconds),
        local(fix.seconds),
        "=b'1'",
        fix.latitude,
        fix.longitude,
        fix.altitude,
        round(fix.kmh / 1.852, 5),
        fix.heading,
        null,
        '{"ip":"203.0.113.7"}',
      ]),
    )}`,
  columns: {
    id: 'id',
    vehicle: 'deviceid',
    time: 'fixtime',
    receivedAt: 'servertime',
    speedKmh: { column: 'speed', unit: 'knots' },
    headingDeg: 'course',
    altitudeM: 'altitude',
  },
  says: [
    /speed is in knots/,
    /CREATE INDEX `fleetgraph` ON `positions` \(`deviceid`, `id`\)/,
    /times of fixes and of receipt agree/,
  ],
  labels: ['Bus 14', 'Bus 15', 'Bus 16'],
  kmh: 0.01,
};
