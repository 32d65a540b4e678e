import { z } from 'zod';

/**
 * Names of databases, tables and columns that we are ready to put into a command line or a statement: what MySQL allows, blanks, hyphens
 * and Cyrillic included, short of quotes, backslashes and control characters, which only an attacker's names have. A leading hyphen
 * would be an option to a client.
 */
export const IDENTIFIER = /^(?!-)(?!.* $)[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u{10000}-\u{10ffff}'"`\\]{1,64}$/u;

export const identifierSchema = z
  .string()
  .regex(
    IDENTIFIER,
    'is no name we are ready to use: 1 to 64 characters, no quotes, backslashes or control characters, no hyphen first, no blank last',
  );

/** The value of a vehicle column, as it goes into a statement between quotes: plates have blanks, slashes and Cyrillic. */
export const VEHICLE_KEY = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}'"`\\]{1,255}$/u;

/** The one function that quotes names of databases, tables and columns. */
export const name = (identifier: string): string => `\`${known(identifier)}\``;

/** The same as a string literal: what information_schema knows it by. */
export const nameLiteral = (identifier: string): string => `'${known(identifier)}'`;

function known(identifier: string): string {
  if (!IDENTIFIER.test(identifier)) throw new TypeError(`Not a MySQL identifier we are ready to use: ${identifier}`);
  return identifier;
}
