import { Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import type { Logger } from '../../logger.ts';
import type { VehicleSyncKey } from '../../workflows/legacy-sync/activities.ts';

/** What worker slots do, and how a log line names it. Slices are named as vehicles are. */
const STAGES: Record<string, string> = {
  exportRange: 'export',
  loadRange: 'load',
  cleanUp: 'clean up',
  exportSlice: 'export',
  loadSlice: 'load',
  cleanUpSlice: 'clean up',
};

/** A line for each attempt of a slot's work, with run, vehicle, slot, stage and attempt, and how it ended. */
export function createSlotLogInterceptor(logger: Logger): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      const { activityType, attempt } = Context.current().info;
      const stage = STAGES[activityType];
      const key = keyIn(input.args[0]);
      if (stage === undefined || key === null) return next(input);
      const { runId, vehicleId, slot } = key;
      const line = { run: runId, vehicle: vehicleId, slot, stage, attempt };
      const beganAt = performance.now();
      const tell = (outcome: string): void =>
        logger.info({ ...line, ms: Math.round(performance.now() - beganAt) }, `slot ${slot}: ${stage} ${outcome}`);
      try {
        const result = await next(input);
        tell('done');
        return result;
      } catch (error) {
        // What failed is told with its code by the interceptor for failures.
        tell(Context.current().cancellationSignal.aborted ? 'was cancelled' : 'failed');
        throw error;
      }
    },
  };
}

function keyIn(argument: unknown): VehicleSyncKey | null {
  const given = argument as Partial<VehicleSyncKey> & { key?: VehicleSyncKey };
  const key = given?.key ?? given;
  return typeof key?.runId === 'string' && typeof key.slot === 'number' ? (key as VehicleSyncKey) : null;
}
