import type { DescribedColumn } from './described-table.ts';

const METRES_PER_DEGREE = 111_320;
/** Half a metre: a lane of a street can still be told from the next one. */
const ENOUGH_DECIMALS = 5;
const FLOAT_KEEPS = 'it keeps places to 0.2 m below 64 degrees, to 0.4 m below 128 and to 0.9 m above';

/** What a column of degrees has lost of a place by its type, in metres; null: nothing that anybody would notice. */
export function coordinateLoss({ name, dataType, columnType }: DescribedColumn): string | null {
  if (!/^(float|double|decimal)$/.test(dataType)) return null;
  const decimals = /\(\d+, ?(\d+)\)/.exec(columnType)?.[1];
  if (decimals !== undefined && Number(decimals) < ENOUGH_DECIMALS) {
    const metres = METRES_PER_DEGREE / 10 ** Number(decimals) / 2;
    return `${name} is ${columnType.toUpperCase()}: with ${decimals} decimals it keeps places to ${metres.toPrecision(2)} m`;
  }
  if (dataType !== 'float') return null;
  return decimals === undefined
    ? `${name} is FLOAT: ${FLOAT_KEEPS}; it is read by SELECT, because mysqldump prints six digits of it, which is up to 55 m off`
    : `${name} is ${columnType.toUpperCase()}: ${FLOAT_KEEPS}`;
}
