/**
 * One argument for a POSIX shell, which reads it back as exactly `value`. NUL cannot be in an argument and none of our names has a newline,
 * so both are refused.
 */
export function shellQuote(value: string): string {
  if (/[\0\n]/.test(value)) throw new TypeError('A shell argument of ours never holds NUL or a newline.');
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(value)) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
