import { insertInto, type LegacySchema, round } from '../schema.ts';

export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) =>
    insertInto(
      'vehicle_locations',
      fixes.map((fix) => [
        null,
        fix.bus + 101,
        fix.seconds * 1000,
        fix.latitude,
        fix.longitude,
        round(fix.kmh / 3.6, 4),
        fix.heading,
      ]),
    ),
  columns: {
    id: 'id',
    vehicle: 'vehicle_id',
    time: { column: 'ts', format: 'unix-milliseconds' },
    speedKmh: { column: 'velocity', unit: 'mps' },
    headingDeg: 'bearing',
  },
  says: [/velocity is in mps/],
  labels: ['101', '102', '103'],
  kmh: 0.01,
};
