import type { CoordinateSource } from '../settings/column-mapping.ts';
import { columnNamed, type DescribedColumn, type DescribedTable } from './described-table.ts';

const METRES_PER_DEGREE = 111_320;
/** What five decimals of a degree lose: with them a lane of a street can still be told from the next one. */
const NOTICED_METRES = 0.56;
/** Half of the last bit of a FLOAT's fraction: what is smaller is lost. */
const HALF_OF_LAST_BIT = 2 ** -24;
/** 180 degrees as ddmm.mmmm. */
const HIGHEST_NMEA = 18_000;

/** What a column of coordinates loses of a place by its type, read as the mapping reads it; null: nothing that anybody would notice. */
export function coordinateLoss(table: DescribedTable, source: CoordinateSource): string | null {
  const column = columnNamed(table, typeof source === 'string' ? source : source.column);
  if (column === undefined || !/^(float|double|decimal)$/.test(column.dataType)) return null;
  const { factor = 1, format = 'degrees' } = typeof source === 'string' ? {} : source;
  const isNmea = format === 'nmea';
  const metresPerUnit = (METRES_PER_DEGREE * factor) / (isNmea ? 60 : 1);
  return lostDecimals(column, metresPerUnit) ?? lostBits(column, { isNmea, factor, metresPerUnit });
}

/** Of a plain DOUBLE nothing is cut off; DECIMAL alone is DECIMAL(10,0). */
function lostDecimals({ name, columnType }: DescribedColumn, metresPerUnit: number): string | null {
  const decimals = /\(\d+, ?(\d+)\)/.exec(columnType)?.[1];
  if (decimals === undefined) return null;
  const metres = metresPerUnit / 10 ** Number(decimals) / 2;
  if (metres < NOTICED_METRES) return null;
  return `${name} is ${columnType.toUpperCase()}: with ${decimals} decimals it keeps places to ${shown(metres)} m`;
}

function lostBits(
  { name, dataType, columnType }: DescribedColumn,
  { isNmea, factor, metresPerUnit }: { isNmea: boolean; factor: number; metresPerUnit: number },
): string | null {
  if (dataType !== 'float') return null;
  const kept =
    isNmea || factor !== 1
      ? `it keeps places to ${shown((isNmea ? HIGHEST_NMEA : 180 / factor) * HALF_OF_LAST_BIT * metresPerUnit)} m`
      : 'it keeps places to 0.2 m below 64 degrees, to 0.4 m below 128 and to 0.9 m above';
  const printed = columnType.includes('(')
    ? ''
    : '; it is read by SELECT, because mysqldump prints six digits of it, which is up to 55 m off';
  return `${name} is ${columnType.toUpperCase()}: ${kept}${printed}`;
}

const shown = (metres: number): string => String(Number(metres.toPrecision(2)));
