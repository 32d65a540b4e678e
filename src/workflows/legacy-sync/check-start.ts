import { ApplicationFailure } from '@temporalio/workflow';
import type { FleetSyncInput } from './messages.ts';

/** The same bound as the setting `legacy_sync.worker_pool.max_workers`. */
export const MAX_WORKERS = 1_000;

export function isWorkerCount(workers: unknown): boolean {
  return Number.isInteger(workers) && (workers as number) >= 1 && (workers as number) <= MAX_WORKERS;
}

/**
 * A fleet sync may be started by anybody with the `temporal` command: what they typed is checked here, because an error that is no
 * ApplicationFailure would not end the workflow but wedge it, and one in an activity would be tried for ever.
 *
 * @throws ApplicationFailure `InvalidSelection`, `InvalidSetting`
 */
export function checkStart(input: FleetSyncInput | null | undefined): asserts input is FleetSyncInput {
  if (typeof input?.selection?.kind !== 'string') {
    throw refusal('InvalidSelection', 'it has no selection; all vehicles are {"selection":{"kind":"all"}}');
  }
  const { mode, maxWorkers, requestedBy } = input;
  if (![undefined, null, 'delta', 'full'].includes(mode)) {
    throw refusal('InvalidSelection', `its mode is ${JSON.stringify(mode)}, and there are delta and full`);
  }
  if ((maxWorkers ?? null) !== null && !isWorkerCount(maxWorkers)) {
    throw refusal('InvalidSetting', `maxWorkers must be a whole number from 1 to ${MAX_WORKERS}`);
  }
  if ((requestedBy ?? '') !== '' && typeof requestedBy !== 'string') {
    throw refusal('InvalidSelection', 'requestedBy must be a text');
  }
}

function refusal(code: 'InvalidSelection' | 'InvalidSetting', found: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`Starting a fleet sync: ${found}. Nothing was started.`, code);
}
