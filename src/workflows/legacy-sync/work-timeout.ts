import { ApplicationFailure, CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

/**
 * Runs `work` in a scope that is cancelled once `workedMs()` has reached `timeoutMs`. A timer also counts the time spent queueing for
 * permits and worker slots, so each time it fires the time really worked is read.
 *
 * @throws ApplicationFailure `VehicleTimeout` when the time was used up
 */
export async function withWorkTimeout<T>(
  { timeoutMs, workedMs, of }: { timeoutMs: number; workedMs: () => Promise<number>; of: string },
  work: () => Promise<T>,
): Promise<T> {
  const workScope = new CancellationScope();
  const watchScope = new CancellationScope();
  let expired = false;
  const watch = watchScope.run(async () => {
    for (let remainingMs = timeoutMs; remainingMs > 0; remainingMs = timeoutMs - (await workedMs())) {
      await sleep(remainingMs, { summary: `work timeout of ${of}` });
    }
    expired = true;
    workScope.cancel();
  });
  watch.catch(() => {});
  try {
    return await workScope.run(work);
  } catch (error) {
    if (!expired || !isCancellation(error)) throw error;
    throw ApplicationFailure.nonRetryable(
      `Syncing ${of}: worker_timeout_ms (${timeoutMs} ms) of work was used up. What was committed stays and the next run goes on from there.`,
      'VehicleTimeout',
    );
  } finally {
    watchScope.cancel();
  }
}
