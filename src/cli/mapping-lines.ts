import type { LegacyServerInput } from '../records/legacy-servers.ts';

/** Values that hold where a mapping does not name another; they are not printed. */
const USUAL = new Map<string, unknown>([
  ['factor', 1],
  ['decimalComma', false],
]);

/** A mapping for people, a line per field: `speedKmh    speed, unit knots`. */
export function mappingLines({ attributes, ...fields }: LegacyServerInput['columns']): string[] {
  const lines = Object.entries(fields)
    .filter(([, source]) => source !== undefined)
    .map(([field, source]) => `${field.padEnd(12)}${sourceText(source)}`);
  const carried = Object.entries(attributes ?? {}).map(([name, source]) => {
    const text = sourceText(source);
    return text === name ? name : `${name} (${text})`;
  });
  return carried.length === 0 ? lines : [...lines, `${'attributes'.padEnd(12)}${carried.join(', ')}`];
}

function sourceText(source: unknown): string {
  if (typeof source !== 'object' || source === null) return String(source);
  const { column, ...meaning } = source as Record<string, string | number | boolean | string[] | undefined>;
  const said = Object.entries(meaning)
    .filter(([key, value]) => value !== undefined && USUAL.get(key) !== value)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(' + ') : value}`);
  return (column === undefined ? said : [column, ...said]).join(', ');
}
