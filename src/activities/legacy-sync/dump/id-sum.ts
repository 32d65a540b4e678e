import { crc32 } from 'node:zlib';

/** Below it a sum of two is exact in a double; in MariaDB and PostgreSQL it is so anyway. */
const MODULUS = 2 ** 52;
const LOW_BITS = 0xffff;

/**
 * A sum over ids by which two sets of them are told apart: the same number of others has another sum. Of the ids themselves it would not,
 * 10 + 13 is 11 + 12; nor of checksums alone, which such neighbours share in part. Ids are positive.
 */
export function addId(sum: number, id: number | bigint): number {
  const low = typeof id === 'number' ? id % (LOW_BITS + 1) : Number(id & BigInt(LOW_BITS));
  return (sum + crc32(String(id)) * (low + 1)) % MODULUS;
}

/** The same sum as a legacy server works it out, over an index of the ids alone. `+ 0`: a ZEROFILL column would show its zeros. */
export const idSumSql = (id: string): string =>
  `IFNULL(SUM(CRC32(${id} + 0) * ((${id} & ${LOW_BITS}) + 1)) MOD ${MODULUS}, 0)`;
