/** Of CRC-32 as of zlib, by which MySQL's CRC32 works: what a byte does to it, with as many bytes after it as the table's number. */
const TABLES = tables(8);

function tables(count: number): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  const all = [first];
  while (all.length < count) all.push(all.at(-1)!.map((value) => (value >>> 8) ^ first[value & 0xff]!));
  return all;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** The CRCs of some bytes and of the same bytes in reverse. */
export interface TwoWays {
  forth: number;
  back: number;
}

/** Writes both CRCs of the first `length` bytes into `into`, which is used again for each row. Eight bytes at a time, because each look-up waits for the one before. */
export function crcBothWays(bytes: Uint8Array, length: number, into: TwoWays): void {
  let [forth, back] = [-1, -1];
  let [at, end] = [0, length - 1];
  for (; at + 8 <= length; at += 8, end -= 8) {
    forth =
      T7[(forth ^ bytes[at]!) & 0xff]! ^
      T6[((forth >>> 8) ^ bytes[at + 1]!) & 0xff]! ^
      T5[((forth >>> 16) ^ bytes[at + 2]!) & 0xff]! ^
      T4[(forth >>> 24) ^ bytes[at + 3]!]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
    back =
      T7[(back ^ bytes[end]!) & 0xff]! ^
      T6[((back >>> 8) ^ bytes[end - 1]!) & 0xff]! ^
      T5[((back >>> 16) ^ bytes[end - 2]!) & 0xff]! ^
      T4[(back >>> 24) ^ bytes[end - 3]!]! ^
      T3[bytes[end - 4]!]! ^
      T2[bytes[end - 5]!]! ^
      T1[bytes[end - 6]!]! ^
      T0[bytes[end - 7]!]!;
  }
  for (; at < length; at += 1, end -= 1) {
    forth = T0[(forth ^ bytes[at]!) & 0xff]! ^ (forth >>> 8);
    back = T0[(back ^ bytes[end]!) & 0xff]! ^ (back >>> 8);
  }
  into.forth = ~forth >>> 0;
  into.back = ~back >>> 0;
}

/** The exact sum over rows of the product of both CRCs. */
export class QuickSum {
  #low = 0;
  #high = 0;
  #whole = 0n;

  add({ forth, back }: TwoWays): void {
    // In halves: a product of 32 and 16 bits is exact in a double.
    this.#low += forth * (back & 0xffff);
    this.#high += forth * (back >>> 16);
    if (this.#low > LARGEST || this.#high > LARGEST) this.#carry();
  }

  get value(): bigint {
    this.#carry();
    return this.#whole;
  }

  #carry(): void {
    this.#whole += BigInt(this.#low) + (BigInt(this.#high) << 16n);
    [this.#low, this.#high] = [0, 0];
  }
}

/** Below it, the sum stays exact in a double when one more product of 48 bits is added. */
const LARGEST = Number.MAX_SAFE_INTEGER - 2 ** 48;
