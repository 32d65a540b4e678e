import { type InsertHeader, readInsertHeader } from './insert-header.ts';

/** A part of a dump other than rows; reading goes on at `end`. */
export type DumpStatement =
  | { kind: 'comment'; text: string; end: number }
  | { kind: 'setting'; text: string; end: number }
  | { kind: 'insert'; header: InsertHeader; end: number };

const [DASH, SLASH, LETTER_I, SEMICOLON, NEWLINE] = [0x2d, 0x2f, 0x49, 0x3b, 0x0a];
/** The longest statement or comment that is read. mysqldump's are below a kilobyte, and an INSERT's header names at most 4096 columns. */
const LONGEST = 1024 * 1024;
/** How much of a text is read. */
const SHOWN = 4096;
const EXECUTABLE = /^\/\*M?!\d*(.*)$/s;
const FIRST_LETTERS = 'SsCc';

/** Reads the statement at `start`. Returns `more` when the bytes end within it, `corrupt` when mysqldump writes no such statement. */
export function readStatement(bytes: Buffer, start: number): DumpStatement | 'more' | 'corrupt' {
  const found = readByFirstLetter(bytes, start);
  return found === 'more' && bytes.length - start > LONGEST ? 'corrupt' : found;
}

function readByFirstLetter(bytes: Buffer, start: number): DumpStatement | 'more' | 'corrupt' {
  const first = bytes[start]!;
  if (first === DASH) return readComment(bytes, start);
  if (first === SLASH) return readExecutableComment(bytes, start);
  if (first === LETTER_I) {
    const header = readInsertHeader(bytes, start);
    if (header === 'corrupt') return 'corrupt';
    return header === null ? 'more' : { kind: 'insert', header, end: header.end };
  }
  return FIRST_LETTERS.includes(String.fromCharCode(first)) ? readPlain(bytes, start) : 'corrupt';
}

function readComment(bytes: Buffer, start: number): DumpStatement | 'more' {
  const end = bytes.indexOf(NEWLINE, start);
  return end < 0 ? 'more' : { kind: 'comment', text: textOf(bytes, start, end), end: end + 1 };
}

/** An executable comment ends with a semicolon, except MariaDB's first line, which enables the sandbox. */
function readExecutableComment(bytes: Buffer, start: number): DumpStatement | 'more' | 'corrupt' {
  const end = bytes.indexOf('*/', start + 2, 'latin1');
  if (end < 0 || end + 2 === bytes.length) return 'more';
  const text = EXECUTABLE.exec(textOf(bytes, start, end))?.[1]?.trim();
  if (text === undefined) return 'corrupt';
  return { kind: 'setting', text, end: bytes[end + 2] === SEMICOLON ? end + 3 : end + 2 };
}

function readPlain(bytes: Buffer, start: number): DumpStatement | 'more' {
  const end = bytes.indexOf(SEMICOLON, start);
  return end < 0 ? 'more' : { kind: 'setting', text: textOf(bytes, start, end).trimEnd(), end: end + 1 };
}

const textOf = (bytes: Buffer, start: number, end: number): string =>
  bytes.toString('latin1', start, Math.min(end, start + SHOWN));
