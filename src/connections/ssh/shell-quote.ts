/**
 * One argument for a POSIX shell: the shell reads back exactly `value`, whatever it holds. NUL cannot be an argument and a newline
 * is never part of a name of ours, so both are refused instead of carried.
 */
export function shellQuote(value: string): string {
  if (/[\0\n]/.test(value)) throw new TypeError('A shell argument of ours never holds NUL or a newline.');
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(value)) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
