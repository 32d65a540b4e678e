import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from } from 'pg-copy-streams';

export type CopyValue = string | number | null;

/** Copies rows into a table of the transaction, `batchSize` of them at a time, so that a large set is never one text in memory. */
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
    lines.push(`${row.map(copyText).join('\t')}\n`);
    if (lines.length < batchSize) continue;
    yield lines.join('');
    lines = [];
  }
  if (lines.length > 0) yield lines.join('');
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text format of COPY. */
function copyText(value: CopyValue): string {
  if (value === null) return '\\N';
  return typeof value === 'number'
    ? String(value)
    : value.replaceAll(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
}
