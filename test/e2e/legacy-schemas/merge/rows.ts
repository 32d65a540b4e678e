import { insertInto, type LegacySchema, local } from '../schema.ts';

const MIDDLE = 1_750_001_500;

/** Ids go on from month to month, so that the MERGE over them is one table; the first are below 1, and rows as any. */
export const schema: LegacySchema = {
  system: 'plain',
  layout: 'shared',
  insert: (fixes) => {
    const rows = fixes.map((fix, at) => ({ fix, id: at - 3 }));
    const inserts = ['history_2025_06', 'history_2025_07'].map((table, at) =>
      insertInto(
        table,
        rows
          .filter(({ fix }) => fix.seconds > MIDDLE === (at === 1))
          .map(({ fix, id }) => [id, `bus ${fix.bus}`, local(fix.seconds), fix.latitude, fix.longitude, fix.kmh]),
      ),
    );
    return `SET time_zone = '+00:00'; ${inserts.join('\n')}`;
  },
  columns: { id: 'id', vehicle: 'bus', time: 'dt', latitude: 'lat', longitude: 'lng', speedKmh: 'speed' },
  says: [/history is a MRG_MyISAM table: mysqldump writes no row of it, so it is read by SELECT/],
  labels: ['bus 0', 'bus 1', 'bus 2'],
  kmh: 1e-5,
};
