import { IDENTIFIER } from '../../../settings/mysql-identifier.ts';

/** The one function that quotes names of databases, tables and columns. */
export function name(identifier: string): string {
  if (!IDENTIFIER.test(identifier)) throw new TypeError(`Not a MySQL identifier we are ready to use: ${identifier}`);
  return `\`${identifier}\``;
}
