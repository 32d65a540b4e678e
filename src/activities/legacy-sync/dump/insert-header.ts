/** ``INSERT INTO `table` (`a`, `b`) VALUES (``, up to the bracket that opens the first row. */
export interface InsertHeader {
  table: string;
  columns: string[];
  /** The offset after the opening bracket of the first row. */
  end: number;
}

const BACKTICK = 0x60;
const SPACES = [0x20, 0x0a, 0x0d, 0x09];

/** Reads the header that begins at `start`: null when the bytes end within it, `corrupt` when it is no header. */
export function readInsertHeader(source: Buffer, start: number): InsertHeader | null | 'corrupt' {
  const reader = { source, at: start };
  try {
    word(reader, 'INSERT INTO');
    const table = identifier(reader);
    word(reader, '(');
    const columns = [identifier(reader)];
    while (peek(reader) === ',') {
      word(reader, ',');
      columns.push(identifier(reader));
    }
    word(reader, ')');
    word(reader, 'VALUES');
    word(reader, '(');
    return { table, columns, end: reader.at };
  } catch (stop) {
    if (stop === MORE) return null;
    if (stop === CORRUPT) return 'corrupt';
    throw stop;
  }
}

interface Reader {
  source: Buffer;
  at: number;
}

// Thrown to end the reading from any depth, at most once per statement and never per row.
const MORE = new Error('more');
const CORRUPT = new Error('corrupt');

function peek(reader: Reader): string {
  while (SPACES.includes(reader.source[reader.at]!)) reader.at++;
  if (reader.at >= reader.source.length) throw MORE;
  return String.fromCharCode(reader.source[reader.at]!);
}

function word(reader: Reader, expected: string): void {
  peek(reader);
  const found = reader.source.toString('latin1', reader.at, reader.at + expected.length);
  if (found !== expected) throw expected.startsWith(found) ? MORE : CORRUPT;
  reader.at += expected.length;
}

function identifier(reader: Reader): string {
  if (peek(reader) !== '`') throw CORRUPT;
  let at = reader.at + 1;
  for (;;) {
    at = reader.source.indexOf(BACKTICK, at);
    if (at < 0 || at + 1 >= reader.source.length) throw MORE;
    if (reader.source[at + 1] !== BACKTICK) break;
    at += 2;
  }
  const name = reader.source.toString('utf8', reader.at + 1, at).replaceAll('``', '`');
  reader.at = at + 1;
  return name;
}
