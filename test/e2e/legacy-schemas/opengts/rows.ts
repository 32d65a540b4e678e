import { insertInto, type LegacySchema } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'opengts',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'EventData',
      fixes.map((fix) => [
        'depot',
        `bus${fix.bus}`,
        fix.seconds,
        61_714,
        fix.latitude,
        fix.longitude,
        0,
        fix.kmh,
        fix.heading,
        fix.altitude,
        null,
        fix.seconds + 2,
      ]),
    ),
  columns: {
    id: { time: 'timestamp', format: 'unix-seconds', columns: ['accountID', 'deviceID', 'timestamp', 'statusCode'] },
    scope: { accountID: 'depot' },
    vehicle: 'deviceID',
    time: { column: 'timestamp', format: 'unix-seconds' },
    speedKmh: 'speedKPH',
  },
  says: [
    /EventData has no increasing integer: rows are followed by timestamp/,
    /rows of account depot are read/,
    /there are rows of taxi as well/,
  ],
  labels: ['Bus 14', 'Bus 15', 'Bus 16'],
  attributes: ({ seconds }) => ({
    accountID: 'depot',
    statusCode: 61_714,
    gpsAge: 0,
    address: null,
    creationTime: seconds + 2,
  }),
};
