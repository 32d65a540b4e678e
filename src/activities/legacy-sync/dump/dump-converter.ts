import { Failure } from '../../../errors.ts';
import {
  acceptComment,
  acceptInsert,
  acceptSetting,
  type DumpFrame,
  type FrameProblem,
  newFrame,
} from './dump-frame.ts';
import { type DumpStatement, readStatement } from './dump-statement.ts';
import { createWindow, type DumpWindow, joinPiece, keepFrom } from './dump-window.ts';
import type { InsertHeader } from './insert-header.ts';
import {
  type ConverterSummary,
  createRowIntake,
  type RowIntake,
  type TableIntakeOptions,
  type VehicleIntakeOptions,
} from './row-intake.ts';
import { planRows } from './row-plan.ts';
import { beginRow, createRowScan, keepHead, type RowScan, scanRow, shiftScan } from './row-scanner.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';

interface TableShape {
  table: string;
  /** As planning saw them in information_schema: legacy_tables.columns. */
  tableColumns: readonly TableColumn[];
}

export type VehicleConverterOptions = VehicleIntakeOptions & TableShape;
export type TableConverterOptions = TableIntakeOptions & TableShape;
export type ConverterOptions = VehicleConverterOptions | TableConverterOptions;

/**
 * Converts mysqldump's extended INSERTs to tuples of a binary COPY into `positions`. It takes pieces of any size, and the result does not
 * depend on their borders. Memory is bounded by values.maxRowBytes and by how often the results are fetched.
 */
export interface DumpConverter
  extends Pick<
    RowIntake,
    'takeFresh' | 'takeOverlap' | 'takeQuarantined' | 'pending' | 'summary' | 'rows' | 'vehicles' | 'ambiguous'
  > {
  /** @throws Failure DumpCorrupt, DumpTruncated (mysqldump's exit status), SchemaDrift */
  write(piece: Buffer): void;
  /** Call it when all bytes were written. @throws Failure DumpTruncated when the dump is not whole */
  end(): ConverterSummary;
}

/** How many bytes of a row above maxRowBytes are kept. */
const HEAD_OF_TOO_LARGE = 1024 * 1024;
const [OPEN, COMMA, SEMICOLON] = [0x28, 0x2c, 0x3b];
const SPACE = new Uint8Array(256);
for (const byte of [0x20, 0x0a, 0x0d, 0x09]) SPACE[byte] = 1;

interface Reading {
  options: ConverterOptions;
  frame: DumpFrame;
  intake: RowIntake;
  window: DumpWindow;
  scan: RowScan;
  header: string[] | null;
  /** What stands at window.at. */
  place: 'statement' | 'row' | 'behind-row' | 'before-row';
  rowStart: number;
  /** The kept bytes of a row above maxRowBytes, until its end is found; else null. */
  head: Buffer | null;
  failure: Failure | null;
}

/** @throws Failure InvalidConfiguration for an unknown time zone or a mapping that cannot tell the vehicle's rows */
export function createDumpConverter(options: ConverterOptions): DumpConverter {
  assertVehicleIsTold(options);
  const intake = createRowIntake(options);
  const reading: Reading = {
    options,
    intake,
    frame: newFrame(),
    window: createWindow(),
    scan: createRowScan(0),
    header: null,
    place: 'statement',
    rowStart: 0,
    head: null,
    failure: null,
  };
  const { takeFresh, takeOverlap, takeQuarantined, pending, summary, rows, vehicles, ambiguous } = intake;
  return {
    write: (piece) => once(reading, () => writePiece(reading, piece)),
    end: () => once(reading, () => endReading(reading)),
    takeFresh,
    takeOverlap,
    takeQuarantined,
    pending,
    summary,
    rows,
    vehicles,
    ambiguous,
  };
}

/** After a failure each later call throws the same failure. */
function once<T>(reading: Reading, work: () => T): T {
  if (reading.failure !== null) throw reading.failure;
  try {
    return work();
  } catch (error) {
    if (error instanceof Failure) reading.failure = error;
    throw error;
  }
}

function writePiece(reading: Reading, piece: Buffer): void {
  const { window, options } = reading;
  joinPiece(window, piece);
  reading.scan.source = window.bytes;
  advance(reading);
  const inRow = reading.place === 'row';
  if (inRow && reading.head === null && window.bytes.length - reading.rowStart > options.values.maxRowBytes) {
    reading.head = headOf(reading, window.bytes.length);
    keepHead(reading.scan, reading.rowStart, reading.head.length);
  }
  // A row that is too large is only read to its end, and no bytes of it stay in the window.
  const from = reading.head !== null ? window.bytes.length : inRow ? reading.rowStart : window.at;
  keepFrom(window, from);
  shiftScan(reading.scan, from);
  reading.rowStart -= from;
}

function endReading(reading: Reading): ConverterSummary {
  reading.window.at = reading.window.bytes.length;
  if (reading.frame.stage === 'ended') return reading.intake.summary();
  refuse(reading, { code: 'DumpTruncated', found: 'the end of the file before the end of the dump' });
}

/** Reads until the bytes in the window end. */
function advance(reading: Reading): void {
  const { window } = reading;
  const limit = window.bytes.length;
  for (;;) {
    if (reading.place === 'row') {
      if (!readRow(reading)) return;
      continue;
    }
    if (reading.frame.stage === 'ended' && window.at < limit) corrupt(reading, 'bytes behind the end of the dump');
    while (window.at < limit && SPACE[window.bytes[window.at]!] === 1) window.at++;
    if (window.at === limit) return;
    if (reading.place !== 'statement') stepBetweenRows(reading);
    else if (!readNextStatement(reading)) return;
  }
}

/** Returns false when the bytes end within the row. */
function readRow(reading: Reading): boolean {
  const { scan, window, intake } = reading;
  const result = scanRow(scan);
  if (result === 'more') return false;
  window.at = scan.at;
  if (result === 'corrupt') corrupt(reading, 'a value that mysqldump does not write');
  if (scan.count !== scan.start.length) {
    corrupt(reading, `a row of ${scan.count} values for ${scan.start.length} columns`);
  }
  const fits = reading.head === null && scan.at - reading.rowStart <= reading.options.values.maxRowBytes;
  const stray = fits ? intake.take(scan, reading.rowStart, scan.at) : takeTooLarge(reading);
  if (stray !== null) corrupt(reading, stray);
  reading.place = 'behind-row';
  return true;
}

function takeTooLarge(reading: Reading): string | null {
  const { scan, window } = reading;
  const head = reading.head ?? headOf(reading, scan.at);
  if (reading.head === null) keepHead(scan, reading.rowStart, head.length);
  scan.source = head;
  const stray = reading.intake.takeTooLarge(scan, head);
  scan.source = window.bytes;
  reading.head = null;
  return stray;
}

function headOf({ window, rowStart, options }: Reading, end: number): Buffer {
  const length = Math.min(end - rowStart, options.values.maxRowBytes, HEAD_OF_TOO_LARGE);
  return Buffer.from(window.bytes.subarray(rowStart, rowStart + length));
}

function stepBetweenRows(reading: Reading): void {
  const { window } = reading;
  const byte = window.bytes[window.at]!;
  if (reading.place === 'before-row' && byte === OPEN) startRow(reading, window.at);
  else if (reading.place === 'behind-row' && byte === COMMA) reading.place = 'before-row';
  else if (reading.place === 'behind-row' && byte === SEMICOLON) reading.place = 'statement';
  else corrupt(reading, 'something else than a row');
  window.at++;
}

function startRow(reading: Reading, bracket: number): void {
  reading.rowStart = bracket;
  reading.place = 'row';
  beginRow(reading.scan, bracket + 1);
}

/** Returns false when the bytes end within the statement. */
function readNextStatement(reading: Reading): boolean {
  const { window } = reading;
  const statement = readStatement(window.bytes, window.at);
  if (statement === 'more') return false;
  if (statement === 'corrupt') corrupt(reading, 'an unknown statement');
  const problem = acceptStatement(reading.frame, statement);
  if (problem !== null) refuse(reading, problem);
  window.at = statement.end;
  if (statement.kind === 'insert') startInsert(reading, statement.header);
  return true;
}

function acceptStatement(frame: DumpFrame, statement: DumpStatement): FrameProblem | null {
  if (statement.kind === 'insert') return acceptInsert(frame);
  return statement.kind === 'comment' ? acceptComment(frame, statement.text) : acceptSetting(frame, statement.text);
}

function startInsert(reading: Reading, { table, columns, end }: InsertHeader): void {
  const { options } = reading;
  if (table.toLowerCase() !== options.table.toLowerCase()) corrupt(reading, 'rows of another table');
  if (reading.header === null) {
    reading.intake.usePlan(
      planRows({ table, header: columns, tableColumns: options.tableColumns, mapping: options.columns }),
    );
    reading.scan = createRowScan(columns.length);
    reading.scan.source = reading.window.bytes;
    reading.header = columns;
  } else if (columns.join('`') !== reading.header.join('`')) {
    throw new Failure(
      'SchemaDrift',
      `Reading the dump of table ${table}: its columns changed in the middle, so the table was altered during the export. Sync again.`,
    );
  }
  startRow(reading, end - 1);
}

function corrupt(reading: Reading, found: string): never {
  refuse(reading, { code: 'DumpCorrupt', found });
}

function refuse({ options, window }: Reading, { code, found }: FrameProblem): never {
  throw new Failure(
    code,
    `Reading the dump of table ${options.table}: found ${found} at byte ${window.offset + window.at}. ` +
      'Nothing of it was kept; it is exported again.',
  );
}

function assertVehicleIsTold(options: ConverterOptions): void {
  const { table, columns } = options;
  const shared = 'vehicles' in options || options.legacyVehicleId !== null;
  if (!shared || columns.vehicle !== undefined) return;
  throw new Failure(
    'InvalidConfiguration',
    `Cannot tell the rows of a vehicle in table ${table}: the vehicle has a legacy id and the column mapping names no vehicle column. ` +
      'Add "vehicle" to the columns of the legacy server.',
  );
}
