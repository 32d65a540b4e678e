/** A row of a sample: the values of its columns as MySQL shows them, bytes as `0x…`, by the columns' names in lower case. */
export type SampleRow = ReadonlyMap<string, string | null>;

export interface NumberForm {
  decimalComma: boolean;
  /** A letter of the hemisphere stands in the value. */
  lettered: boolean;
}

const LETTER = /^[NSEW]|[NSEW]$/i;

/** How the numbers of a column are written, by its values. */
export function numberForm(values: readonly string[]): NumberForm {
  const texts = values.map((value) => value.trim());
  return {
    decimalComma: texts.some((text) => /\d,\d/.test(text) && !text.includes('.')),
    lettered: texts.some((text) => LETTER.test(text)),
  };
}

/** A number however it is written: `62.0339`, `62,0339`, `S 6202.034`; the half of a POINT where `half` says so. NaN where it is none. */
export function readNumber(value: string | null | undefined, half?: 'x' | 'y'): number {
  if (value === null || value === undefined || value.trim() === '') return Number.NaN;
  if (half !== undefined) return pointHalf(value, half);
  const text = value.trim();
  const size = Number(
    text
      .replace(LETTER, '')
      .replaceAll(/^[\s,]+|[\s,]+$/g, '')
      .replace(',', '.'),
  );
  return /^[SW]|[SW]$/i.test(text) ? -size : size;
}

/** Of MySQL's own form of a POINT: four bytes of SRID, the order of bytes, four bytes of kind, two doubles. */
function pointHalf(value: string, half: 'x' | 'y'): number {
  const bytes = Buffer.from(value.replace(/^0x/i, ''), 'hex');
  if (bytes.length < 25) return Number.NaN;
  const at = half === 'x' ? 9 : 17;
  return bytes[4] === 1 ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at);
}
