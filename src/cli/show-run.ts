import type { StartedRun, WorkerPoolManager } from '../client/worker-pool-manager.ts';
import { untilSignalled } from '../stack/until-signalled.ts';
import { followRun } from './follow-run.ts';
import { printSummary } from './run-table.ts';

/** The exit status by which a shell reports a program that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;

/** Shows a run to its end and its totals; the exit status says how it ended. Ctrl-C ends only the display, not the run. */
export async function showRun(manager: WorkerPoolManager, run: StartedRun): Promise<void> {
  let ended = false;
  void untilSignalled(['SIGINT']).then(() => {
    if (!ended) leave(run);
  });
  const status = await followRun(manager, run);
  ended = true;
  printSummary(status, await manager.results(run.runId));
  if (status.state !== 'completed' || status.failed > 0) process.exitCode = 1;
}

function leave({ runId }: StartedRun): never {
  console.log(
    `\nrun ${runId} goes on without being watched\n` +
      `  watch it again  npm run fleetgraph -- follow ${runId}\n` +
      `  end it          npm run fleetgraph -- cancel ${runId}`,
  );
  // The process exits without closing its connections, because one has a call that waits for the run's end.
  process.exit(EXIT_INTERRUPTED);
}
