/** The bytes that can be read now: the rest of earlier pieces, then the last piece. */
export interface DumpWindow {
  bytes: Buffer;
  /** Where reading goes on in `bytes`. */
  at: number;
  /** Where `bytes` begins in the whole stream. */
  offset: number;
  /** Reused storage for the rest of a piece. */
  carry: Buffer;
}

const FIRST_CARRY = 8 * 1024;
const CARRY_SIZE = 256 * 1024;
/** A larger carry is released after its row. */
const LARGE_CARRY = 16 * CARRY_SIZE;

export function createWindow(): DumpWindow {
  return { bytes: Buffer.alloc(0), at: 0, offset: 0, carry: Buffer.alloc(0) };
}

/** Appends a piece. Without a rest of earlier pieces it needs no copy. */
export function joinPiece(window: DumpWindow, piece: Buffer): void {
  const rest = window.bytes.length;
  if (rest === 0) {
    window.bytes = piece;
    return;
  }
  const size = rest + piece.length;
  if (size > window.carry.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(CARRY_SIZE, size + (size >>> 1)));
    window.bytes.copy(larger);
    window.carry = larger;
  }
  piece.copy(window.carry, rest);
  window.bytes = window.carry.subarray(0, size);
}

/** Keeps the bytes from `from` on for the next piece. */
export function keepFrom(window: DumpWindow, from: number): void {
  // A long row may arrive in a thousand pieces. It stays where it is, because each piece would copy all of it.
  if (from === 0 && window.bytes.buffer === window.carry.buffer) return;
  const rest = window.bytes.length - from;
  if (rest > window.carry.length || (window.carry.length > LARGE_CARRY && rest < CARRY_SIZE)) {
    const other = Buffer.allocUnsafeSlow(Math.max(FIRST_CARRY, rest + (rest >>> 1)));
    window.bytes.copy(other, 0, from);
    window.carry = other;
  } else window.bytes.copy(window.carry, 0, from);
  window.bytes = window.carry.subarray(0, rest);
  window.at -= from;
  window.offset += from;
}
