import type { TableColumn } from '../../../records/legacy-tables.ts';
import { FLAGS } from '../dump/flags.ts';
import { offsetSql, type ZoneOffset } from './zone-offsets.ts';
import { name } from '../../../settings/mysql-identifier.ts';

/** A time as both sides can say it: microseconds since 1970, in the zone that the source keeps. */
export interface ComparedTime {
  source: string;
  target: string;
  /** Days since 1970 of the server's zone; NULL where the time is none. */
  sourceDay: string;
  targetDay: string;
  /** The microseconds are those of the server's zone, else of UTC. */
  local: boolean;
}

const TO_1970 = { seconds: 62_167_219_200, days: 719_528 };
const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
/** Longer than any gap of a zone's clocks. */
const BEFORE_THE_GAP = "interval '3 hours'";
/** PostgreSQL's name of the server's zone: the first parameter of each statement. */
const ZONE = '$1';

interface TimeForm {
  format: string | null;
  column: TableColumn;
  /** Of `positions`. */
  into: 'time' | 'received_at';
}

/** null: MySQL cannot read this column as an import does. */
export function comparedTime({ format, column, into }: TimeForm, offsets: readonly ZoneOffset[]): ComparedTime | null {
  const value = name(column.name);
  if (format === null && column.dataType === 'datetime') return ofLocal(value, column, into);
  if (format === null && column.dataType === 'timestamp') {
    return ofUtc(`(TO_SECONDS(${value}) - ${TO_1970.seconds})`, fraction(value, column), into, offsets);
  }
  if (!WHOLE.includes(column.dataType)) return null;
  const given = `NULLIF(${value}, 0)`;
  if (format === 'unix-seconds') return ofUtc(given, '', into, offsets);
  if (format !== 'unix-milliseconds') return null;
  return ofUtc(`(${given} DIV 1000)`, ` + (${value} MOD 1000) * 1000`, into, offsets);
}

const fraction = (value: string, { columnType }: TableColumn): string =>
  columnType.includes('(') ? ` + MICROSECOND(${value})` : '';

function ofLocal(value: string, column: TableColumn, into: TimeForm['into']): ComparedTime {
  const local = into === 'time' ? localTime() : `(${into} AT TIME ZONE ${ZONE})`;
  return {
    source: `(TO_SECONDS(${value}) - ${TO_1970.seconds}) * 1000000${fraction(value, column)}`,
    target: micros(local),
    sourceDay: `TO_DAYS(${value}) - ${TO_1970.days}`,
    targetDay: dayOf(local),
    local: true,
  };
}

/** A local time that the clocks skipped was read with the offset before the gap. */
const localTime = (): string =>
  `(CASE WHEN flags & ${FLAGS.DST_SHIFTED} = 0 THEN "time" AT TIME ZONE ${ZONE} ` +
  `ELSE (("time" - ${BEFORE_THE_GAP}) AT TIME ZONE ${ZONE}) + ${BEFORE_THE_GAP} END)`;

function ofUtc(seconds: string, rest: string, into: TimeForm['into'], offsets: readonly ZoneOffset[]): ComparedTime {
  return {
    source: `${seconds} * 1000000${rest}`,
    target: micros(`"${into}"`),
    sourceDay: `(${seconds} + ${offsetSql(offsets, seconds)}) DIV 86400`,
    targetDay: dayOf(`("${into}" AT TIME ZONE ${ZONE})`),
    local: false,
  };
}

const micros = (time: string): string => `round(date_part('epoch', ${time}) * 1000000)::bigint`;
const dayOf = (local: string): string => `(${local}::date - date '1970-01-01')`;
