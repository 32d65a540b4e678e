/** The table of CRC-32 as of zlib, by which MySQL's CRC32 works. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The CRCs of some bytes and of the same bytes in reverse. */
export interface TwoWays {
  forth: number;
  back: number;
}

/** Writes both CRCs of the first `length` bytes into `into`, which is used again for each row. */
export function crcBothWays(bytes: Uint8Array, length: number, into: TwoWays): void {
  let [forth, back] = [-1, -1];
  for (let at = 0, end = length - 1; at < length; at += 1, end -= 1) {
    forth = TABLE[(forth ^ bytes[at]!) & 0xff]! ^ (forth >>> 8);
    back = TABLE[(back ^ bytes[end]!) & 0xff]! ^ (back >>> 8);
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

/** One more product of 48 bits is exact. */
const LARGEST = Number.MAX_SAFE_INTEGER - 2 ** 48;
