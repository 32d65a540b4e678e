import { InvalidArgumentError } from 'commander';

/** A count or an id on the command line, decimal. */
export function parseCount(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

const MAX_BIGINT = 9_223_372_036_854_775_807n;

/** An id that a bigint column holds: as text, because a number does not. */
export function parseId(text: string): string {
  if (!/^[0-9]{1,19}$/.test(text) || BigInt(text) > MAX_BIGINT)
    throw new InvalidArgumentError('an id is a whole number.');
  return text;
}
