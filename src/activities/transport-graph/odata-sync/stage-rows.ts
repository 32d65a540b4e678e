import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from } from 'pg-copy-streams';

export type CopyValue = string | number | null;

/** Copies rows into a table of the transaction, `batchSize` at a time, so that memory never holds a large set as one text. */
export async function stageRows(
  client: pg.PoolClient,
  target: string,
  rows: Iterable<CopyValue[]>,
  batchSize: number,
): Promise<void> {
  await pipeline(batchesOf(rows, batchSize), client.query(from(`COPY ${target} FROM STDIN`)));
}

function* batchesOf(rows: Iterable<CopyValue[]>, batchSize: number): Generator<string> {
  let lines: string[] = [];
  for (const row of rows) {
    lines.push(lineOf(row));
    if (lines.length < batchSize) continue;
    yield lines.join('');
    lines = [];
  }
  if (lines.length > 0) yield lines.join('');
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function lineOf(row: CopyValue[]): string {
  let line = copyText(row[0]!);
  for (let at = 1; at < row.length; at++) line += `\t${copyText(row[at]!)}`;
  return `${line}\n`;
}

const SPECIAL = /[\\\n\r\t]/;

/** Writes a value in the text format of COPY. */
function copyText(value: CopyValue): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  return SPECIAL.test(value) ? value.replaceAll(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character) : value;
}
