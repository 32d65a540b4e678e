import type { StartedRun, WorkerPoolManager } from '../client/worker-pool-manager.ts';
import { untilSignalled } from '../stack/until-signalled.ts';
import { followRun } from './follow-run.ts';
import { printSummary } from './run-table.ts';

/** As a shell reports a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** Shows a run to its end and sums it up; the exit status tells how it went. Ctrl-C ends the showing, not the run. */
export async function showRun(manager: WorkerPoolManager, run: StartedRun): Promise<void> {
  const leaving = new AbortController();
  void untilSignalled(['SIGINT']).then(() => leaving.abort());
  try {
    const status = await followRun(manager, run, leaving.signal);
    printSummary(status, await manager.results(run.runId));
    if (status.state !== 'completed' || status.failed > 0) process.exitCode = 1;
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    console.log(
      `\nrun ${run.runId} goes on without being watched\n` +
        `  watch it again  npm run fleetgraph -- follow ${run.runId}\n` +
        `  end it          npm run fleetgraph -- cancel ${run.runId}`,
    );
    process.exitCode = EXIT_INTERRUPTED;
  }
}
