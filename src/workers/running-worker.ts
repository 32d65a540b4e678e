import type { Worker } from '@temporalio/worker';

export interface RunningWorker {
  /** Settles when the worker has ended and its connections are closed; rejects when it ended by an error. */
  ended: Promise<void>;
  stop(): void;
}

export function runAndClose(worker: Worker, close: () => Promise<void>): RunningWorker {
  const run = async (): Promise<void> => {
    try {
      await worker.run();
    } finally {
      await close();
    }
  };
  return {
    ended: run(),
    // shutdown() throws in every other state.
    stop: () => (worker.getState() === 'RUNNING' ? worker.shutdown() : undefined),
  };
}
