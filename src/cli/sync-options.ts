import { type Command, Option } from 'commander';
import { Failure } from '../errors.ts';
import type { FleetSyncInput, SyncMode, VehicleSelection } from '../workflows/legacy-sync/messages.ts';
import { parseCount } from './parse-number.ts';

/** Which vehicles. */
export interface SelectionOptions {
  all?: boolean;
  vehicles?: string[];
  priority?: number;
  first?: number;
}

/** What is synced: the same for a run by hand and for a schedule. */
export interface SyncOptions extends SelectionOptions {
  mode: SyncMode;
  maxWorkers?: number;
}

export const withVehicleOptions = (command: Command): Command =>
  command
    .option('--all', 'every enabled vehicle')
    .option('--vehicles <ids>', 'these vehicles, separated by commas', (text) =>
      text.split(',').map((id) => id.trim()),
    );

export const withSelectionOptions = (command: Command): Command =>
  withVehicleOptions(command)
    .option('--priority <n>', 'vehicles of this priority and above', parseCount)
    .option('--first <n>', 'the first n vehicles by priority: a step of a rollout', parseCount);

export const withSyncOptions = (command: Command): Command =>
  withSelectionOptions(command)
    .addOption(
      new Option('--mode <mode>', 'delta: what is new; full: everything again')
        .choices(['delta', 'full'])
        .default('delta'),
    )
    .option('--max-workers <n>', 'worker slots of the run, instead of the setting', parseCount);

/** @throws Failure `InvalidSelection` unless the vehicles are chosen in exactly one way */
export function syncOf(options: SyncOptions): Pick<FleetSyncInput, 'selection' | 'mode' | 'maxWorkers'> {
  const { mode, maxWorkers } = options;
  return { selection: selectionOf(options), mode, ...(maxWorkers === undefined ? {} : { maxWorkers }) };
}

/** @throws Failure `InvalidSelection` unless the vehicles are chosen in exactly one way */
export function selectionOf({ all, vehicles, priority, first }: SelectionOptions): VehicleSelection {
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
