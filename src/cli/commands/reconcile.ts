import { userInfo } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { removeExtra, startReconciliation, startRepair } from '../../client/reconciliations.ts';
import { recordAct } from '../../records/audit-log.ts';
import { countMarked } from '../../records/extra-positions.ts';
import { listDays } from '../../records/reconciled-days.ts';
import { listReconciled } from '../../records/reconciled-vehicles.ts';
import { latestReconciliations, readReconciliation } from '../../records/reconciliations.ts';
import { parseCount, parseId } from '../parse-number.ts';
import { showReconciliation, showReconciledDays } from '../show-reconciliation.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';
import { type SelectionOptions, selectionOf, withSelectionOptions, withVehicleOptions } from '../sync-options.ts';

export const reconcileCommand = (): Command => {
  const command = new Command('reconcile').description('compare what arrived with what the legacy servers have');
  withSelectionOptions(command.command('start'))
    .description('compare vehicles with their source, by vehicle and day')
    .option('--from <day>', 'first day, YYYY-MM-DD in the zone of each server', parseDay)
    .option('--to <day>', 'last day', parseDay)
    .option('--repair', 'bring what differs in line when it is known', false)
    .option('--no-wait', 'print its id and return')
    .action(start);
  command
    .command('list')
    .description('the latest reconciliations')
    .option('--limit <n>', 'how many', parseCount, 20)
    .action(list);
  command
    .command('show')
    .description('what one has found')
    .argument('<id>', 'as the list shows it')
    .option('--vehicle <id>', 'the days of this vehicle, with the ids of the rows', parseId)
    .action(show);
  command
    .command('repair')
    .description('read again what is missing or changed, and mark what the source does not have')
    .argument('<id>', 'as the list shows it')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action(repair);
  withVehicleOptions(command.command('remove-extra'))
    .description('remove the positions that repairs have marked as no longer at the source')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .option('--dry-run', 'only say how many there are', false)
    .action(remove);
  return command;
};

function parseDay(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(`${text}T00:00:00Z`)))
    throw new InvalidArgumentError('a day is YYYY-MM-DD.');
  return text;
}

interface StartOptions extends SelectionOptions {
  from?: string;
  to?: string;
  repair: boolean;
  wait: boolean;
}

async function start({ from, to, repair: repairs, wait, ...options }: StartOptions): Promise<void> {
  const requestedBy = userInfo().username;
  const input = { selection: selectionOf(options), from, to, repair: repairs, requestedBy };
  await withSession(async (session) => {
    const act = {
      actor: requestedBy,
      action: 'reconciliation.start',
      subject: 'reconciliation',
      details: { input },
    } as const;
    await recordAct(session.postgres, act);
    const { client } = await session.temporal();
    const started = await startReconciliation(client, input);
    console.log(`reconciliation ${started.reconciliationId}`);
    if (!wait) return;
    await started.result();
    const { reconciliationId } = started;
    const found = await readReconciliation(session.postgres, reconciliationId);
    const differing = await listReconciled(session.postgres, reconciliationId, { differing: true });
    if (!showReconciliation(found, differing)) process.exitCode = 1;
  });
}

async function list({ limit }: { limit: number }): Promise<void> {
  const found = await withSession(({ postgres }) => latestReconciliations(postgres, { limit, before: null }));
  if (found.length === 0) return console.log('Nothing was reconciled yet: `fleetgraph reconcile start --all`.');
  const cells = found.map((each) => [
    each.reconciliationId,
    each.state,
    `${each.compared} of ${each.vehicles}`,
    String(each.missing),
    String(each.changed),
    String(each.extra),
    `${each.repairedDays} of ${each.differingDays}`,
    each.startedAt.toISOString(),
  ]);
  console.log(
    plainTable(['id', 'state', 'vehicles', 'missing', 'changed', 'extra', 'days repaired', 'begun'], cells, 8),
  );
}

async function show(id: string, { vehicle }: { vehicle?: string }): Promise<void> {
  await withSession(async ({ postgres }) => {
    const found = await readReconciliation(postgres, id);
    if (vehicle !== undefined) return showReconciledDays(await listDays(postgres, id, vehicle));
    showReconciliation(found, await listReconciled(postgres, id, { differing: true }));
  });
}

async function repair(id: string, { reason }: { reason: string }): Promise<void> {
  const actor = userInfo().username;
  await withSession(async ({ postgres, temporal }) => {
    await readReconciliation(postgres, id);
    await recordAct(postgres, { actor, action: 'reconciliation.repair', subject: `reconciliation ${id}`, reason });
    const { client } = await temporal();
    const repairing = await startRepair(client, id, actor);
    await repairing.result();
    const { repairedDays, differingDays } = await readReconciliation(postgres, id);
    console.log(`${repairedDays} of ${differingDays} days that differed are repaired.`);
    const marked = (await countMarked(postgres, null)).reduce((sum, { rows }) => sum + rows, 0);
    if (marked > 0)
      console.log(`${marked} positions are marked as no longer at the source: \`fleetgraph reconcile remove-extra\`.`);
  });
}

type RemoveOptions = SelectionOptions & { reason: string; dryRun: boolean };

async function remove({ reason, dryRun, ...options }: RemoveOptions): Promise<void> {
  const selection = selectionOf(options);
  const vehicleIds = selection.kind === 'list' ? selection.vehicleIds : null;
  const actor = userInfo().username;
  await withSession(async ({ postgres, temporal }) => {
    if (dryRun) {
      const marked = await countMarked(postgres, vehicleIds);
      const rows = marked.reduce((sum, each) => sum + each.rows, 0);
      return console.log(`${rows} positions of ${marked.length} vehicles would be removed.`);
    }
    const subject = vehicleIds === null ? 'all vehicles' : `vehicles ${vehicleIds.join(', ')}`;
    await recordAct(postgres, { actor, action: 'extra-positions.removed', subject, reason });
    const { client } = await temporal();
    const { vehicles, removed } = await removeExtra(client, { vehicleIds });
    console.log(`removed ${removed} positions of ${vehicles} vehicles.`);
  });
}
