import { type CopyBuffer, reserve } from './copy-buffer.ts';
import { FLAGS } from './flags.ts';

/** What to do with characters that PostgreSQL does not accept. */
export interface TextPolicy {
  stripNul: boolean;
  replaceInvalid: boolean;
}

/** `putJsonText` returns flags, or one of these when the policy forbids the text. */
export const FORBIDDEN = { NUL: -1, UTF8: -2 } as const;

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The largest growth per byte: a control character becomes \u00xx. Long texts get room piece by piece, so that 16 MB do not reserve 96 MB. */
const GROWTH = 6;
const PIECE = 16 * 1024;

/** 1 for each byte that is the same in the dump and in JSON. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80);
PLAIN[QUOTE] = PLAIN[DOUBLE_QUOTE] = PLAIN[BACKSLASH] = 0;

/** What a character after a backslash means in MySQL; most mean themselves. */
const UNESCAPED = new Uint8Array(256).map((_, byte) => byte);
for (const [letter, code] of Object.entries({ 0: 0, n: 10, r: 13, t: 9, b: 8, Z: 26 })) {
  UNESCAPED[letter.charCodeAt(0)] = code;
}

const SHORT_ESCAPES = new Uint8Array(32);
for (const [code, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r' })) {
  SHORT_ESCAPES[Number(code)] = letter.charCodeAt(0);
}
const HEX_DIGITS = Buffer.from('0123456789abcdef');

/**
 * Writes the inside of a quoted value of the dump as a JSON string.
 * @returns bits of FLAGS, or one of FORBIDDEN; the caller must then discard what was written
 */
export function putJsonText(out: CopyBuffer, source: Buffer, start: number, end: number, policy: TextPolicy): number {
  let at = start;
  let flags = 0;
  reserve(out, 2);
  out.bytes[out.length++] = DOUBLE_QUOTE;
  while (at < end) {
    const stop = Math.min(end, at + PIECE);
    reserve(out, (stop - at + 8) * GROWTH);
    while (at < stop) {
      at = copyPlain(out, source, at, stop);
      if (at === stop) break;
      const byte = source[at]!;
      if (byte >= 0x80) {
        const length = utf8Length(source, at, end);
        if (length > 0) {
          for (let rest = length; rest > 0; rest--) out.bytes[out.length++] = source[at++]!;
          continue;
        }
        if (!policy.replaceInvalid) return FORBIDDEN.UTF8;
        flags |= FLAGS.UTF8_REPLACED;
        putReplacement(out);
        at++;
        continue;
      }
      const escaped = (byte === BACKSLASH || byte === QUOTE) && at + 1 < end;
      const code = escaped ? UNESCAPED[source[at + 1]!]! : byte;
      at += escaped ? 2 : 1;
      if (code === 0) {
        if (!policy.stripNul) return FORBIDDEN.NUL;
        flags |= FLAGS.NUL_STRIPPED;
      } else if (code >= 0x80) {
        // A backslash before a character of several bytes is dropped.
        at--;
      } else putAsciiCharacter(out, code);
    }
  }
  reserve(out, 1);
  out.bytes[out.length++] = DOUBLE_QUOTE;
  return flags;
}

function copyPlain(out: CopyBuffer, source: Buffer, start: number, stop: number): number {
  const { bytes } = out;
  let length = out.length;
  let at = start;
  for (; at < stop; at++) {
    const byte = source[at]!;
    if (PLAIN[byte] === 0) break;
    bytes[length++] = byte;
  }
  out.length = length;
  return at;
}

function putAsciiCharacter(out: CopyBuffer, code: number): void {
  const { bytes } = out;
  if (code >= 0x20 && code !== DOUBLE_QUOTE && code !== BACKSLASH) {
    bytes[out.length++] = code;
    return;
  }
  bytes[out.length++] = BACKSLASH;
  const letter = code < 0x20 ? SHORT_ESCAPES[code]! : code;
  if (letter !== 0) {
    bytes[out.length++] = letter;
    return;
  }
  bytes[out.length++] = 0x75;
  bytes[out.length++] = 0x30;
  bytes[out.length++] = 0x30;
  bytes[out.length++] = HEX_DIGITS[code >>> 4]!;
  bytes[out.length++] = HEX_DIGITS[code & 15]!;
}

function putReplacement(out: CopyBuffer): void {
  out.bytes[out.length++] = 0xef;
  out.bytes[out.length++] = 0xbf;
  out.bytes[out.length++] = 0xbd;
}

/** How many bytes the character at `at` has; 0 for invalid UTF-8, by PostgreSQL's rules (no surrogates, no overlong forms). */
function utf8Length(source: Buffer, at: number, end: number): number {
  const lead = source[at]!;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  const second = source[at + 1]!;
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let more = 2; more < length; more++) if ((source[at + more]! & 0xc0) !== 0x80) return 0;
  return length;
}

/** Decodes the inside of a quoted value. */
export function unescapeText(source: Buffer, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = source[at]!;
    const escaped = (byte === BACKSLASH || byte === QUOTE) && at + 1 < end;
    bytes[length++] = escaped ? UNESCAPED[source[++at]!]! : byte;
  }
  return bytes.subarray(0, length);
}

/** Escapes text that was not quoted in a dump, as putJsonText expects it. */
export function escapeText(bytes: Buffer): Buffer {
  if (!bytes.includes(BACKSLASH) && !bytes.includes(QUOTE)) return bytes;
  const escaped = Buffer.allocUnsafe(bytes.length * 2);
  let length = 0;
  for (const byte of bytes) {
    if (byte === BACKSLASH || byte === QUOTE) escaped[length++] = BACKSLASH;
    escaped[length++] = byte;
  }
  return escaped.subarray(0, length);
}
