import { insertInto, type LegacySchema } from '../schema.ts';

/** A view over a table of FLOATs, which keep a place to half a metre; mysqldump would print it to 55 metres, if it printed anything. */
export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'raw_log',
      fixes.map((fix) => [null, fix.bus + 7, fix.seconds, fix.latitude, fix.longitude, '=0x00ff27']),
    ),
  columns: {
    id: 'id',
    vehicle: 'vehicle_id',
    time: { column: 'timestamp', format: 'unix-seconds' },
    latitude: 'latitude',
    longitude: 'longitude',
  },
  says: [/bus_positions is a view/, /latitude is FLOAT: it keeps places to 0.2 m/],
  labels: ['7', '8', '9'],
  grant: 'SHOW VIEW',
  degrees: 8e-6,
};
