import type { ApplicationFailure } from '@temporalio/workflow';
import { optionalText, refusal } from '../check-input.ts';
import type { FleetSyncInput } from './messages.ts';

/** The same bound as the setting `legacy_sync.worker_pool.max_workers`. */
export const MAX_WORKERS = 1_000;

export function isWorkerCount(workers: unknown): boolean {
  return Number.isInteger(workers) && (workers as number) >= 1 && (workers as number) <= MAX_WORKERS;
}

const requestedBy = optionalText();

/**
 * Checks what a fleet sync was started with; which vehicles there are is found while planning.
 *
 * @throws ApplicationFailure `InvalidSelection`, `InvalidSetting`
 */
export function checkStart(input: FleetSyncInput | null | undefined): asserts input is FleetSyncInput {
  if (typeof input?.selection?.kind !== 'string') {
    throw refuse('InvalidSelection', 'it has no selection; all vehicles are {"selection":{"kind":"all"}}');
  }
  const { mode, maxWorkers, selection } = input;
  if (![undefined, null, 'delta', 'full'].includes(mode)) {
    throw refuse('InvalidSelection', `its mode is ${JSON.stringify(mode)}, and there are delta and full`);
  }
  if ((maxWorkers ?? null) !== null && !isWorkerCount(maxWorkers)) {
    throw refuse('InvalidSetting', `maxWorkers must be a whole number from 1 to ${MAX_WORKERS}`);
  }
  const broken = requestedBy(input.requestedBy);
  if (broken !== null) throw refuse('InvalidSelection', `requestedBy ${broken}`);
  if (selection.kind === 'list' && !isListOfTexts(selection.vehicleIds)) {
    throw refuse('InvalidSelection', 'vehicleIds must be a list of ids, each a text, such as ["17","18"]');
  }
}

const isListOfTexts = (ids: unknown): boolean => Array.isArray(ids) && ids.every((id) => typeof id === 'string');

const refuse = (code: 'InvalidSelection' | 'InvalidSetting', found: string): ApplicationFailure =>
  refusal('Starting a fleet sync', found, code);
