import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { typesOf } from './row-plan.ts';
import { beginRow, createRowScan, scanRow } from './row-scanner.ts';
import { timeColumn } from './time-column.ts';
import { createZoneClock } from './zone-clock.ts';

/** Seconds since 1970 of a tuple that holds the columns of a position's time alone, such as `'2025-06-01 12:00:00'`; null: it holds no time. */
export type TimeReader = (tuple: string) => number | null;

/** Reads times as a dump's are read, by the mapping and the zone of the server. */
export function timeReader({ columns, timeZone }: LegacyServer, timeColumns: readonly TableColumn[]): TimeReader {
  const names = timeColumns.map((column) => column.name.toLowerCase());
  const source = timeColumn(columns.time, (column) => names.indexOf(column.toLowerCase()), typesOf(timeColumns));
  const clock = createZoneClock(timeZone);
  const local = { seconds: 0, micros: 0 };
  return (tuple) => {
    const scan = createRowScan(names.length);
    scan.source = Buffer.from(`${tuple})`);
    beginRow(scan, 0);
    if (scanRow(scan) !== 'row' || source.read(scan, source.index, local) !== 'time') return null;
    return source.utc ? local.seconds : local.seconds - clock(local.seconds).offset;
  };
}
