import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Cell, copyOut } from '../../../../src/activities/transport-graph/graph-builder/copy-out.ts';
import { inTransaction } from '../../../../src/connections/postgres.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';

let database: FreshDatabase;
beforeAll(async () => void (database = await freshDatabase()));
afterAll(() => database.drop());

async function rowsOf(query: string): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  await inTransaction(database.pool, (client) => copyOut(client, query, (cells) => rows.push(cells)));
  return rows;
}

test('rows come whole, wherever a piece of the answer ends', async () => {
  // Two bytes a letter, four the bus: pieces of 64 KB end within characters.
  const rows = await rowsOf(`SELECT n, repeat('Якутск 🚌', n % 20), NULL FROM generate_series(1, 20000) n`);
  expect(rows).toHaveLength(20_000);
  const wrong = rows.filter(([n, text, none]) => text !== 'Якутск 🚌'.repeat(Number(n) % 20) || none !== null);
  expect(wrong).toEqual([]);
  expect(rows.map(([n]) => n)).toEqual(Array.from({ length: 20_000 }, (_, n) => String(n + 1)));
});

test('characters of the format in a value are the value’s', async () => {
  const texts = ['a\tb', 'a\nb', 'a\\b', '\\N', 'a\rb', '\b\f\v', ''];
  const values = texts.map((text) => `convert_from('\\x${Buffer.from(text).toString('hex')}', 'UTF8')`);
  expect(await rowsOf(`SELECT * FROM unnest(ARRAY[${values.join(', ')}]) AS text`)).toEqual(
    texts.map((text) => [text]),
  );
  expect(await rowsOf('SELECT 1 WHERE false')).toEqual([]);
});

test('a query that fails is told, and the connection is good for another', async () => {
  await expect(rowsOf('SELECT 1 / (n - 30000) FROM generate_series(1, 40000) n')).rejects.toThrow('division by zero');
  expect(await rowsOf('SELECT 1')).toEqual([['1']]);
});
