import { userInfo } from 'node:os';
import { Command, Option } from 'commander';
import { Failure } from '../../errors.ts';
import type { SyncMode, VehicleSelection } from '../../workflows/legacy-sync/messages.ts';
import { parseCount } from '../parse-number.ts';
import { withSession } from '../session.ts';
import { showRun } from '../show-run.ts';

interface SyncOptions {
  all?: boolean;
  vehicles?: string[];
  priority?: number;
  first?: number;
  mode: SyncMode;
  maxWorkers?: number;
  wait: boolean;
}

export const syncCommand = (): Command =>
  new Command('sync')
    .description(
      'start a fleet sync, or join the one that runs over the same vehicles, and show its progress; Ctrl-C ends the showing, not the run',
    )
    .option('--all', 'every enabled vehicle')
    .option('--vehicles <ids>', 'these vehicles, separated by commas', (text) => text.split(',').map((id) => id.trim()))
    .option('--priority <n>', 'vehicles of this priority and above', parseCount)
    .option('--first <n>', 'the first n vehicles by priority: a step of a rollout', parseCount)
    .addOption(
      new Option('--mode <mode>', 'delta: what is new; full: everything again')
        .choices(['delta', 'full'])
        .default('delta'),
    )
    .option('--max-workers <n>', 'worker slots of this run, instead of the setting', parseCount)
    .option('--no-wait', 'print the run id and return')
    .action(sync);

async function sync(options: SyncOptions): Promise<void> {
  const selection = selectionOf(options);
  await withSession(async (session) => {
    const manager = await session.manager();
    const run = await manager.start({
      selection,
      mode: options.mode,
      requestedBy: userInfo().username,
      ...(options.maxWorkers === undefined ? {} : { maxWorkers: options.maxWorkers }),
    });
    console.log(`run ${run.runId} (${run.workflowId})`);
    if (options.wait) await showRun(manager, run);
  });
}

function selectionOf({ all, vehicles, priority, first }: SyncOptions): VehicleSelection {
  const chosen: VehicleSelection[] = [];
  if (all) chosen.push({ kind: 'all' });
  if (vehicles) chosen.push({ kind: 'list', vehicleIds: vehicles });
  if (priority !== undefined) chosen.push({ kind: 'priority', atLeast: priority });
  if (first !== undefined) chosen.push({ kind: 'first', count: first });
  const [selection] = chosen;
  if (selection === undefined || chosen.length > 1) {
    throw new Failure(
      'InvalidSelection',
      'Choosing the vehicles: give exactly one of --all, --vehicles, --priority, --first.',
    );
  }
  return selection;
}
