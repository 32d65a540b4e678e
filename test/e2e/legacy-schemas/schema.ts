import { drive } from '../../legacy-inspection/drive.ts';
import type { TableLayout } from '../../../src/legacy-inspection/table-layout.ts';

/** A fix of an invented bus, in the units of `positions`. */
export interface Fix {
  /** 0, 1, 2. */
  bus: number;
  /** Seconds since 1970, whole. */
  seconds: number;
  latitude: number;
  longitude: number;
  kmh: number;
  heading: number;
  altitude: number;
}

/** A schema as people have it: `schema.sql` beside it makes its tables, and `insert` fills them with the fixes. */
export interface LegacySchema {
  insert(fixes: readonly Fix[]): string;
  system: TableLayout['system'];
  layout: TableLayout['layout'];
  /** What inspect is to find out. */
  columns: Record<string, unknown>;
  /** Of what inspect says hurts, is unsure or has found out, each at least once. */
  says?: RegExp[];
  /** The labels that discover finds, by bus; a bus may be several vehicles. */
  labels: string[];
  /** What the MySQL user needs beside SELECT. */
  grant?: string;
  /** Given by the operator, where no host would tell. */
  timeZone?: string;
  /** How exact the schema keeps a degree and a km/h. */
  degrees?: number;
  kmh?: number;
  /** What comes with a fix beside what `positions` has columns for; nothing by default. */
  attributes?: (fix: Fix) => Record<string, unknown>;
  /** Rows that it keeps of each bus; all by default. */
  keeps?: (fix: Fix) => boolean;
}

export const BUSES = 3;
const FIXES = 300;

/** Three buses that drive about Yakutsk, each fix ten seconds after the last, in the order in which they came in. */
export function invent(): Fix[] {
  const ways = Array.from({ length: BUSES }, (_, bus) =>
    drive({ seed: 11 + bus, latitude: 62.03 + bus / 100, longitude: 129.73 + bus / 50, fixes: FIXES, noise: 0.3 }).map(
      (fix, index) => ({
        bus,
        seconds: fix.seconds + bus,
        latitude: round(fix.latitude, 6),
        longitude: round(fix.longitude, 6),
        kmh: round(fix.speed ?? 0, 1),
        heading: Math.round(fix.heading ?? 0) % 360,
        altitude: 95 + (index % 7),
      }),
    ),
  );
  return ways.flat().sort((a, b) => a.seconds - b.seconds || a.bus - b.bus);
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** `2025-06-15 15:06:40`, in UTC or so many hours ahead of it. */
export const local = (seconds: number, hours = 0): string =>
  new Date((seconds + hours * 3600) * 1000).toISOString().slice(0, 19).replace('T', ' ');

/** ddmm.mmmm without its sign. */
export const nmea = (degrees: number): number => {
  const size = Math.abs(degrees);
  return round(Math.floor(size) * 100 + (size % 1) * 60, 4);
};

const literal = (value: string | number | null): string =>
  value === null ? 'NULL' : typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;

/** One INSERT; a value that begins with `=` is SQL. */
export function insertInto(table: string, rows: (string | number | null)[][]): string {
  const tuples = rows.map(
    (row) =>
      `(${row.map((value) => (typeof value === 'string' && value.startsWith('=') ? value.slice(1) : literal(value))).join(',')})`,
  );
  return `INSERT INTO ${table} VALUES ${tuples.join(',\n')};`;
}
