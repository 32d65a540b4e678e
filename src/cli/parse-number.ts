import { InvalidArgumentError } from 'commander';
import { MAX_BIGINT } from '../settings/max-bigint.ts';

/** A count or an id on the command line, decimal. */
export function parseCount(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "15m", "6h" or "1d" as milliseconds. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new InvalidArgumentError('a time such as 90s, 15m, 6h or 1d is needed.');
  return Number(number) * UNIT_MS[unit]!;
}

/** An id of a bigint column, as text, because a number cannot represent all of them. */
export function parseId(text: string): string {
  if (!/^[0-9]{1,19}$/.test(text) || BigInt(text) > MAX_BIGINT)
    throw new InvalidArgumentError('an id is a whole number.');
  return text;
}
