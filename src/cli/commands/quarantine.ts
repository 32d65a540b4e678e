import { userInfo } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { redriveRows } from '../../client/redrive-rows.ts';
import { Failure } from '../../errors.ts';
import { recordAct } from '../../records/audit-log.ts';
import { findQuarantined, listQuarantined, wantedQuarantined } from '../../records/quarantine.ts';
import { parseCount, parseId } from '../parse-number.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

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
  command
    .command('redrive')
    .description(
      'say which rows would be imported now, after the mapping or the value policy was mended; with --apply, import them',
    )
    .option('--vehicle <id>', 'of this vehicle only', parseId)
    .option('--reason <code>', 'those kept for this reason only, such as MissingTime')
    .option('--since <time>', 'those kept since then only, ISO 8601', parseTime)
    .option('--until <time>', 'those kept before then only', parseTime)
    .option('--apply', 'import them', false)
    .option('--why <text>', 'for the audit log; needed with --apply')
    .action(redrive);
  return command;
};

function parseTime(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('a time is as in 2025-06-01 or 2025-06-01T12:00:00Z.');
  return new Date(text).toISOString();
}

interface RedriveOptions {
  vehicle?: string;
  reason?: string;
  since?: string;
  until?: string;
  apply: boolean;
  why?: string;
}

async function redrive({ vehicle, apply, why, ...which }: RedriveOptions): Promise<void> {
  if (apply && why === undefined)
    throw new Failure('InvalidSelection', 'Trying quarantined rows again: --apply needs --why, for the audit log.');
  await withSession(async ({ postgres, temporal }) => {
    const wanted = await wantedQuarantined(postgres, { vehicleId: vehicle, ...which });
    if (wanted.length === 0) return console.log('No such row is in quarantine.');
    const { client } = await temporal();
    const cells: string[][] = [];
    for (const { vehicleId, label, ids } of wanted) {
      const act = {
        actor: userInfo().username,
        action: 'quarantine.redrive',
        subject: `vehicle ${vehicleId}`,
      } as const;
      if (apply) await recordAct(postgres, { ...act, reason: why, details: { rows: ids.length, ...which } });
      const { taken, imported, duplicates, stillQuarantined } = await redriveRows(client, {
        vehicleId,
        ids,
        dryRun: !apply,
      });
      cells.push([vehicleId, label, ...[taken, imported, duplicates, stillQuarantined].map(String)]);
    }
    console.log(
      plainTable(
        ['vehicle', 'label', 'rows', apply ? 'imported' : 'would come in', 'there already', 'still bad'],
        cells,
        2,
      ),
    );
    if (!apply) console.log('Nothing was changed: --apply --why <text> imports them.');
  });
}

async function list({ vehicle, limit }: { vehicle?: string; limit: number }): Promise<void> {
  const rows = await withSession(({ postgres }) => listQuarantined(postgres, { vehicleId: vehicle, limit }));
  if (rows.length === 0) return console.log('Nothing is in quarantine.');
  const cells = rows.map((row) => [
    row.id,
    row.label,
    row.legacyId ?? '–',
    row.reason,
    row.column ?? '–',
    String(row.bytes),
    row.createdAt.toISOString(),
  ]);
  console.log(plainTable(['id', 'vehicle', 'legacy id', 'reason', 'column', 'bytes', 'since'], cells, 7));
}

async function show(id: string): Promise<void> {
  const row = await withSession(({ postgres }) => findQuarantined(postgres, id));
  if (row === null)
    throw new Failure(
      'InvalidSelection',
      `Showing quarantined row ${id}: there is none of that id. \`fleetgraph quarantine list\` shows them.`,
    );
  console.log(
    `vehicle    ${row.label}\nlegacy id  ${row.legacyId ?? 'not readable'}\nreason     ${row.reason}\ncolumn     ${row.column ?? '–'}`,
  );
  console.log(`since      ${row.createdAt.toISOString()} (run ${row.runId})\nbytes      ${row.bytes}\n`);
  process.stdout.write(row.raw);
  process.stdout.write('\n');
}
