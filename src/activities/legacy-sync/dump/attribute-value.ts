import type { HiddenEncoding } from '../../../settings/column-mapping.ts';
import { type CopyBuffer, putAscii, reserve } from './copy-buffer.ts';
import { mendDoubleEncoding } from './double-encoding.ts';
import { FLAGS } from './flags.ts';
import { geometryBytes } from './geometry-value.ts';
import { hexBytes, putHexText } from './hex-value.ts';
import { isPostgresJson } from './json-check.ts';
import { putJsonNumber } from './json-number.ts';
import { escapeText, FORBIDDEN, putJsonText, type TextPolicy, unescapeText } from './json-text.ts';
import { relabelling } from './mislabelled-text.ts';
import type { QuarantineReason } from './quarantine-reason.ts';
import { VALUE } from './row-scanner.ts';

export interface AttributePolicy extends TextPolicy {
  mendDoubleEncoding: boolean;
}

/** A value of the dump: its bytes without quotes or 0x, and its notation there. */
export interface DumpValue {
  source: Buffer;
  start: number;
  end: number;
  kind: number;
}

/** Writes a value other than NULL as JSON. Returns bits of FLAGS, or why the row cannot be imported. */
export type AttributeEncoder = (
  out: CopyBuffer,
  value: DumpValue,
  policy: AttributePolicy,
) => number | QuarantineReason;

const ZERO_DATE = Buffer.from('0000-00-00');
const [UTC_SUFFIX, DOUBLE_QUOTE] = [0x5a, 0x22];

const NUMBERS = 'tinyint smallint mediumint int integer bigint decimal numeric float double year'.split(' ');
const BINARIES = 'binary varbinary tinyblob blob mediumblob longblob vector'.split(' ');
const GEOMETRIES = (
  'geometry point linestring polygon multipoint multilinestring multipolygon ' + 'geometrycollection geomcollection'
).split(' ');

/**
 * How values of a column look in `attributes`: numbers with all their digits, binary as `\x…` in hex, a geometry likewise as WKB, JSON as JSON, everything else as text.
 * A BIT is a number, and so is a tinyint(1), because MySQL's booleans may hold 7 and -128. A TIMESTAMP, which the dump has in UTC, gets a Z;
 * the zero date is null.
 */
export function attributeEncoder(dataType: string, hidden?: HiddenEncoding): AttributeEncoder {
  const type = dataType.toLowerCase();
  if (hidden !== undefined) return relabelled(hidden);
  if (NUMBERS.includes(type)) return encodeNumber;
  if (BINARIES.includes(type)) return encodeBinary;
  if (GEOMETRIES.includes(type)) return encodeGeometry;
  if (type === 'bit') return encodeBit;
  if (type === 'json') return encodeJson;
  if (type === 'timestamp') return encodeTimestamp;
  return type === 'date' || type === 'datetime' ? encodeDate : encodeText;
}

const encodeNumber: AttributeEncoder = (out, { source, start, end, kind }) =>
  (kind === VALUE.BARE || kind === VALUE.TEXT) && putJsonNumber(out, source, start, end) ? 0 : 'InvalidNumber';

const encodeText: AttributeEncoder = (out, value, policy) => {
  const { source, start, end, kind } = value;
  if (kind === VALUE.HEX) {
    const bytes = hexBytes(source, start, end);
    return bytes === null ? 'InvalidValue' : putBytesAsText(out, bytes, policy);
  }
  if (!policy.mendDoubleEncoding || kind === VALUE.BARE) {
    return reasonOf(putJsonText(out, source, start, end, policy));
  }
  return putBytesAsText(out, unescapeText(source, start, end), policy);
};

function putBytesAsText(out: CopyBuffer, bytes: Buffer, policy: AttributePolicy): number | QuarantineReason {
  const mended = policy.mendDoubleEncoding ? mendDoubleEncoding(bytes) : null;
  const text = escapeText(mended ?? bytes);
  const flags = reasonOf(putJsonText(out, text, 0, text.length, policy));
  return typeof flags === 'number' && mended !== null ? flags | FLAGS.DOUBLE_ENCODING_MENDED : flags;
}

/** Text of ASCII alone is the same in every encoding, and needs no mending. */
function relabelled(hidden: HiddenEncoding): AttributeEncoder {
  const { mend, flag } = relabelling(hidden);
  return (out, value, policy) => {
    if (value.kind === VALUE.BARE || value.kind === VALUE.HEX) return encodeText(out, value, policy);
    const mended = mend(unescapeText(value.source, value.start, value.end));
    if (mended === null) return reasonOf(putJsonText(out, value.source, value.start, value.end, policy));
    const text = escapeText(mended);
    const flags = reasonOf(putJsonText(out, text, 0, text.length, policy));
    return typeof flags === 'number' ? flags | flag : flags;
  };
}

function reasonOf(flags: number): number | QuarantineReason {
  if (flags >= 0) return flags;
  return flags === FORBIDDEN.NUL ? 'NulInText' : 'InvalidUtf8';
}

const encodeBinary: AttributeEncoder = (out, value) => {
  const bytes = bytesOf(value);
  if (bytes === null) return 'InvalidValue';
  putHexText(out, bytes);
  return 0;
};

const encodeGeometry: AttributeEncoder = (out, value) => {
  const kept = bytesOf(value);
  const bytes = kept === null ? null : geometryBytes(kept);
  if (bytes === null) return 'InvalidValue';
  putHexText(out, bytes);
  return 0;
};

const encodeBit: AttributeEncoder = (out, value, policy) => {
  if (value.kind === VALUE.BARE) return encodeNumber(out, value, policy);
  const bytes = bytesOf(value);
  if (bytes === null || bytes.length > 8) return 'InvalidValue';
  reserve(out, 20);
  putAscii(out, bytes.length === 0 ? '0' : BigInt(`0x${bytes.toString('hex')}`).toString());
  return 0;
};

const encodeJson: AttributeEncoder = (out, value, policy) => {
  if (value.kind === VALUE.BARE || value.kind === VALUE.HEX) return encodeText(out, value, policy);
  const bytes = unescapeText(value.source, value.start, value.end);
  if (!isPostgresJson(bytes)) {
    const flags = encodeText(out, value, policy);
    return typeof flags === 'number' ? flags | FLAGS.JSON_AS_TEXT : flags;
  }
  reserve(out, bytes.length);
  bytes.copy(out.bytes, out.length);
  out.length += bytes.length;
  return 0;
};

const encodeDate: AttributeEncoder = (out, value, policy) => {
  if (!isZeroDate(value)) return encodeText(out, value, policy);
  reserve(out, 4);
  putAscii(out, 'null');
  return 0;
};

const encodeTimestamp: AttributeEncoder = (out, value, policy) => {
  if (value.kind !== VALUE.TEXT || isZeroDate(value)) return encodeDate(out, value, policy);
  const flags = encodeText(out, value, policy);
  reserve(out, 1);
  out.bytes[out.length - 1] = UTC_SUFFIX;
  out.bytes[out.length++] = DOUBLE_QUOTE;
  return flags;
};

/** Compares bytes without making a string: nearly every date differs in its first byte. */
function isZeroDate({ source, start, end }: DumpValue): boolean {
  if (end - start < ZERO_DATE.length) return false;
  for (let at = 0; at < ZERO_DATE.length; at++) if (source[start + at] !== ZERO_DATE[at]) return false;
  return true;
}

function bytesOf({ source, start, end, kind }: DumpValue): Buffer | null {
  if (kind === VALUE.HEX) return hexBytes(source, start, end);
  return kind === VALUE.BARE ? null : unescapeText(source, start, end);
}
