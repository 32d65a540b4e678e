import { Command } from 'commander';
import { Failure } from '../../errors.ts';
import { parseCount, parseId } from '../parse-number.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

interface QuarantinedRow {
  id: string;
  label: string;
  legacy_id: string | null;
  reason: string;
  column_name: string | null;
  size: number;
  created_at: Date;
  run_id: string;
}

const COLUMNS = `q.id::text, v.label, q.legacy_id::text, q.reason, q.column_name, length(q.raw) AS size, q.created_at, q.run_id`;

export const quarantineCommand = (): Command => {
  const command = new Command('quarantine').description('rows that could not be imported, kept whole');
  command
    .command('list')
    .description('the latest rows in quarantine')
    .option('--vehicle <id>', 'of this vehicle only', parseId)
    .option('--limit <n>', 'how many', parseCount, 50)
    .action(list);
  command
    .command('show')
    .description('one row, as it stood in the dump')
    .argument('<id>', 'as the list shows it', parseId)
    .action(show);
  return command;
};

async function list({ vehicle, limit }: { vehicle?: string; limit: number }): Promise<void> {
  const { rows } = await withSession((session) =>
    session.postgres.query<QuarantinedRow>(
      `SELECT ${COLUMNS} FROM quarantine q JOIN vehicles v ON v.id = q.vehicle_id
        WHERE $1::bigint IS NULL OR q.vehicle_id = $1 ORDER BY q.id DESC LIMIT $2`,
      [vehicle ?? null, limit],
    ),
  );
  if (rows.length === 0) return console.log('Nothing is in quarantine.');
  const cells = rows.map((row) => [
    row.id,
    row.label,
    row.legacy_id ?? '–',
    row.reason,
    row.column_name ?? '–',
    String(row.size),
    row.created_at.toISOString(),
  ]);
  console.log(plainTable(['id', 'vehicle', 'legacy id', 'reason', 'column', 'bytes', 'since'], cells, 7));
}

async function show(id: string): Promise<void> {
  const { rows } = await withSession((session) =>
    session.postgres.query<QuarantinedRow & { raw: Buffer }>(
      `SELECT ${COLUMNS}, q.raw FROM quarantine q JOIN vehicles v ON v.id = q.vehicle_id WHERE q.id = $1`,
      [id],
    ),
  );
  const [row] = rows;
  if (row === undefined)
    throw new Failure(
      'InvalidSelection',
      `Showing quarantined row ${id}: there is none of that id. \`fleetgraph quarantine list\` shows them.`,
    );
  console.log(
    `vehicle    ${row.label}\nlegacy id  ${row.legacy_id ?? 'not readable'}\nreason     ${row.reason}\ncolumn     ${row.column_name ?? '–'}`,
  );
  console.log(`since      ${row.created_at.toISOString()} (run ${row.run_id})\nbytes      ${row.size}\n`);
  process.stdout.write(row.raw);
  process.stdout.write('\n');
}
