/**
 * Finds the values of one row in the bytes of a dump: `(1,'it''s',NULL,0xFF)`. It stops at the end of the bytes and goes on with the next
 * ones, so a row of megabytes that arrives in pieces is read once. It does not know what the values mean.
 */
export const VALUE = {
  NULL: 0,
  /** Unquoted: a number, or anything else that is not NULL. */
  BARE: 1,
  /** Quoted, without a single escape. */
  TEXT: 2,
  /** Quoted, with backslashes or doubled quotes inside. */
  ESCAPED: 3,
  /** 0x…; the range covers the digits only. */
  HEX: 4,
  /** Quoted after `_binary`, perhaps with escapes. */
  BINARY: 5,
} as const;

export type ScanResult = 'row' | 'more' | 'corrupt';

export interface RowScan {
  source: Buffer;
  /** Where the scan goes on. */
  at: number;
  /** The values found, as offsets into `source`. */
  count: number;
  start: Int32Array;
  end: Int32Array;
  kind: Uint8Array;
  /** How many values have valid offsets. In a row above the limit later values are counted, but their offsets are not recorded. */
  recorded: number;
  recording: boolean;
  phase: number;
  valueStart: number;
  valueKind: number;
}

const PHASE = { VALUE: 0, TEXT: 1, ESCAPE: 2, QUOTE: 3, BARE: 4, INTRODUCER: 5, AFTER: 6 } as const;
const QUOTE = 0x27;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE = 0x29;
const INTRODUCER = Buffer.from("_binary '");

const BARE_BYTE = new Uint8Array(256);
for (const byte of Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-.'))
  BARE_BYTE[byte] = 1;

export function createRowScan(columns: number): RowScan {
  return {
    source: Buffer.alloc(0),
    at: 0,
    count: 0,
    start: new Int32Array(columns),
    end: new Int32Array(columns),
    kind: new Uint8Array(columns),
    recorded: 0,
    recording: true,
    phase: PHASE.VALUE,
    valueStart: 0,
    valueKind: VALUE.NULL,
  };
}

/** Begins a row; its opening bracket is just before `at`. */
export function beginRow(scan: RowScan, at: number): void {
  scan.at = at;
  scan.count = 0;
  scan.recorded = 0;
  scan.recording = true;
  scan.phase = PHASE.VALUE;
}

/** Adjusts the offsets after the bytes were moved towards the front by `distance`. */
export function shiftScan(scan: RowScan, distance: number): void {
  scan.at -= distance;
  scan.valueStart -= distance;
  if (!scan.recording) return;
  for (let value = 0; value < scan.recorded; value++) {
    scan.start[value] = scan.start[value]! - distance;
    scan.end[value] = scan.end[value]! - distance;
  }
}

/**
 * Keeps only the first `length` bytes of a row above the limit, in a buffer of their own. Values that end after them are dropped, so that
 * the result does not depend on where the stream was cut.
 */
export function keepHead(scan: RowScan, rowStart: number, length: number): void {
  let kept = 0;
  while (kept < scan.recorded && scan.end[kept]! - rowStart <= length) {
    scan.start[kept] = scan.start[kept]! - rowStart;
    scan.end[kept] = scan.end[kept]! - rowStart;
    kept++;
  }
  scan.recorded = kept;
  scan.recording = false;
}

/** Reads on until the row's closing bracket (`row`), the end of the bytes (`more`) or a byte that no dump has there (`corrupt`). */
export function scanRow(scan: RowScan): ScanResult {
  const limit = scan.source.length;
  while (scan.at < limit) {
    switch (scan.phase) {
      case PHASE.VALUE:
        if (scanPlainValues(scan)) return 'row';
        if (scan.at < limit) beginValue(scan);
        break;
      case PHASE.TEXT:
        scanText(scan);
        break;
      case PHASE.ESCAPE:
        scan.at++;
        scan.phase = PHASE.TEXT;
        break;
      case PHASE.QUOTE:
        if (!endOfText(scan)) return 'corrupt';
        break;
      case PHASE.BARE:
        if (!scanBare(scan)) return 'corrupt';
        break;
      case PHASE.INTRODUCER:
        if (!scanIntroducer(scan)) return 'corrupt';
        break;
      default: {
        const byte = scan.source[scan.at]!;
        if (byte !== COMMA && byte !== CLOSE) return 'corrupt';
        scan.at++;
        if (byte === CLOSE) return 'row';
        scan.phase = PHASE.VALUE;
      }
    }
  }
  return 'more';
}

/**
 * Reads quickly the values that are whole within the bytes and have no escapes, which are nearly all. It stops before the first other
 * value, which is then read in the careful way. Returns true at the end of the row.
 */
function scanPlainValues(scan: RowScan): boolean {
  if (!scan.recording) return false;
  const { source, start, end, kind } = scan;
  const limit = source.length;
  const columns = start.length;
  let at = scan.at;
  let count = scan.count;
  let byte = 0;
  let ended = false;
  while (!ended && at < limit && count < columns) {
    let to = at;
    if (source[at] === QUOTE) {
      to++;
      while (to < limit && (byte = source[to]!) !== QUOTE && byte !== BACKSLASH) to++;
      if (byte !== QUOTE || to + 1 >= limit) break;
      start[count] = at + 1;
      end[count] = to++;
      kind[count] = VALUE.TEXT;
    } else {
      while (to < limit && BARE_BYTE[source[to]!] === 1) to++;
      start[count] = at;
      end[count] = to;
      kind[count] = VALUE.BARE;
      if (to >= limit || !classifyBare(scan, count)) break;
    }
    byte = source[to]!;
    if (byte !== COMMA && byte !== CLOSE) break;
    at = to + 1;
    count++;
    ended = byte === CLOSE;
  }
  scan.at = at;
  scan.count = count;
  scan.recorded = count;
  return ended;
}

function beginValue(scan: RowScan): void {
  const byte = scan.source[scan.at]!;
  if (byte === QUOTE) {
    scan.at++;
    scan.valueKind = VALUE.TEXT;
    scan.phase = PHASE.TEXT;
  } else {
    scan.valueKind = VALUE.BARE;
    scan.phase = byte === INTRODUCER[0] ? PHASE.INTRODUCER : PHASE.BARE;
  }
  scan.valueStart = scan.at;
}

function scanText(scan: RowScan): void {
  const { source } = scan;
  const limit = source.length;
  let at = scan.at;
  let byte = 0;
  while (at < limit) {
    byte = source[at++]!;
    if (byte === QUOTE) {
      scan.phase = PHASE.QUOTE;
      break;
    }
    if (byte === BACKSLASH) {
      if (scan.valueKind === VALUE.TEXT) scan.valueKind = VALUE.ESCAPED;
      scan.phase = PHASE.ESCAPE;
      break;
    }
  }
  scan.at = at;
}

/** Reads what follows a quote: a second quote belongs to the text, and any other byte means that the text has ended. */
function endOfText(scan: RowScan): boolean {
  if (scan.source[scan.at] === QUOTE) {
    if (scan.valueKind === VALUE.TEXT) scan.valueKind = VALUE.ESCAPED;
    scan.at++;
    scan.phase = PHASE.TEXT;
    return true;
  }
  return endValue(scan, scan.at - 1);
}

function scanBare(scan: RowScan): boolean {
  const { source } = scan;
  const limit = source.length;
  let at = scan.at;
  while (at < limit && BARE_BYTE[source[at]!] === 1) at++;
  scan.at = at;
  return at === limit || endValue(scan, at);
}

function scanIntroducer(scan: RowScan): boolean {
  const matched = scan.at - scan.valueStart;
  if (scan.source[scan.at] !== INTRODUCER[matched]) return false;
  scan.at++;
  if (matched + 1 < INTRODUCER.length) return true;
  scan.valueStart = scan.at;
  scan.valueKind = VALUE.BINARY;
  scan.phase = PHASE.TEXT;
  return true;
}

function endValue(scan: RowScan, end: number): boolean {
  const value = scan.count++;
  if (value >= scan.start.length) return false;
  scan.phase = PHASE.AFTER;
  if (!scan.recording) return true;
  scan.start[value] = scan.valueStart;
  scan.end[value] = end;
  scan.kind[value] = scan.valueKind;
  scan.recorded = scan.count;
  return scan.valueKind !== VALUE.BARE || classifyBare(scan, value);
}

function classifyBare(scan: RowScan, value: number): boolean {
  const { source } = scan;
  const start = scan.start[value]!;
  const length = scan.end[value]! - start;
  if (length === 0) return false;
  if (length === 4 && source[start] === 0x4e) {
    if (source[start + 1] !== 0x55 || source[start + 2] !== 0x4c || source[start + 3] !== 0x4c) return false;
    scan.kind[value] = VALUE.NULL;
  } else if (length > 2 && source[start] === 0x30 && source[start + 1] === 0x78) {
    scan.kind[value] = VALUE.HEX;
    scan.start[value] = start + 2;
  }
  return true;
}
