import { crc32 } from 'node:zlib';

/** The sum of two numbers below it is exact in a double; MariaDB and PostgreSQL compute it exactly anyway. */
const MODULUS = 2 ** 52;
const LOW_BITS = 0xffff;
const SPAN = LOW_BITS + 1;

/**
 * Adds an id to a sum that differs between two sets of equally many ids. A sum of the ids themselves would not: 10 + 13 is 11 + 12. A sum of
 * checksums alone would not either, because CRCs of such neighbours are alike in part.
 * The low bits of an id below 0 are those of its two's complement, as in SQL.
 */
export function addId(sum: number, id: number | bigint): number {
  const low = typeof id === 'number' ? ((id % SPAN) + SPAN) % SPAN : Number(id & BigInt(LOW_BITS));
  return (sum + crc32(String(id)) * (low + 1)) % MODULUS;
}

/** SQL by which a legacy server computes the same sum from an index of the ids. `+ 0` drops the leading zeros of a ZEROFILL column. */
export const idSumSql = (id: string): string =>
  `IFNULL(SUM(CRC32(${id} + 0) * ((${id} & ${LOW_BITS}) + 1)) MOD ${MODULUS}, 0)`;
