export {
  type RunStatus,
  type StartedRun,
  type WorkerPoolConfig,
  WorkerPoolManager,
  type WorkerPoolManagerOptions,
  type WorkerResult,
} from '../client/worker-pool-manager.ts';
export { openTemporal } from '../connections/temporal.ts';
export { Failure, type FailureCode } from '../errors.ts';
export { createProgressStore } from '../records/progress.ts';
