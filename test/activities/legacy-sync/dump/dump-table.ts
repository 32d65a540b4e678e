import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DUMP_FLAGS, SELECT_FLAGS } from '../../../../src/activities/legacy-sync/legacy-host/dump-command.ts';
import { selectDump } from '../../../../src/activities/legacy-sync/legacy-host/select-rows.ts';
import type { TableColumn } from '../../../../src/records/legacy-tables.ts';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import type { SharedStack } from '../../../support/stack.ts';
import { TRAILER } from './dump-text.ts';

const run = promisify(execFile);

const FLAGS = [...DUMP_FLAGS, '--default-character-set=utf8mb4'];

/** What the real mariadb-dump writes of a table, with the export's last line behind it. */
export async function dumpTable(
  { host, port, user }: SharedStack['mariadb'],
  database: string,
  table: string,
  where = '1=1',
): Promise<Buffer> {
  const login = ['--no-defaults', `--host=${host}`, `--port=${port}`, `--user=${user}`];
  const { stdout } = await run('mariadb-dump', [...login, ...FLAGS, `--where=${where}`, database, table], {
    encoding: 'buffer',
    maxBuffer: 1024 ** 3,
  });
  return Buffer.concat([stdout, Buffer.from(TRAILER)]);
}

/** What a SELECT through the real client writes of it, by the statements of an export. */
export async function selectTable(
  { host, port, user }: SharedStack['mariadb'],
  database: string,
  { table, columns, where = '1=1' }: { table: string; columns: readonly TableColumn[]; where?: string },
): Promise<Buffer> {
  const login = [
    '--no-defaults',
    `--host=${host}`,
    `--port=${port}`,
    `--user=${user}`,
    '--default-character-set=utf8mb4',
  ];
  const { before, after } = selectDump(table, columns, 'id');
  const { stdout } = await run(
    'mariadb',
    [...login, ...SELECT_FLAGS, `--execute=${before}${where}${after}`, database],
    {
      encoding: 'buffer',
      maxBuffer: 1024 ** 3,
    },
  );
  return Buffer.concat([stdout, Buffer.from(TRAILER)]);
}

/** As planning stores it in legacy_tables. */
export async function columnsOf(
  mariadb: SharedStack['mariadb'],
  database: string,
  table: string,
): Promise<TableColumn[]> {
  const lines = await runMariadb(
    mariadb,
    `SELECT column_name, data_type, column_type, is_nullable FROM information_schema.columns
      WHERE table_schema = '${database}' AND table_name = '${table}' ORDER BY ordinal_position`,
  );
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [name, dataType, columnType, nullable] = line.split('\t') as [string, string, string, string];
      return { name, dataType, columnType, nullable: nullable === 'YES' };
    });
}
