import { Command } from 'commander';
import { latestRuns } from '../../records/sync-runs.ts';
import type { WorkerPoolManager } from '../../client/worker-pool-manager.ts';
import { parseCount } from '../parse-number.ts';
import { plainTable, printSummary } from '../run-table.ts';
import { withSession } from '../session.ts';
import { showRun } from '../show-run.ts';

const RUNS_SHOWN = 20;

/** Reading and steering the runs there are. */
export const runsCommands = (): Command[] => [
  new Command('runs').description('list the latest runs').action(printRuns),
  new Command('status')
    .description('show a run: its vehicles and how they ended')
    .argument('<run>', 'run id')
    .action((runId: string) =>
      withManager(async (manager) => printSummary(await manager.status(runId), await manager.results(runId))),
    ),
  new Command('follow')
    .description('show the progress of a run until it has ended; Ctrl-C ends the showing, not the run')
    .argument('<run>', 'run id')
    .action((runId: string) => withManager(async (manager) => showRun(manager, await manager.find(runId)))),
  steering('pause', 'stop claiming vehicles; those in flight go on to their end', (manager, runId) =>
    manager.pause(runId),
  ),
  steering('resume', 'claim vehicles again', (manager, runId) => manager.resume(runId)),
  steering('cancel', 'end a run: vehicles in flight clean up and count as failed', (manager, runId) =>
    manager.cancel(runId),
  ),
  new Command('set-max-workers')
    .description('open or retire worker slots of a running run')
    .argument('<run>', 'run id')
    .argument('<n>', 'worker slots', parseCount)
    .action((runId: string, workers: number) => withManager((manager) => manager.setMaxWorkers(runId, workers))),
];

function steering(
  name: string,
  does: string,
  act: (manager: WorkerPoolManager, runId: string) => Promise<void>,
): Command {
  return new Command(name)
    .description(does)
    .argument('<run>', 'run id')
    .action((runId: string) => withManager((manager) => act(manager, runId)));
}

async function withManager(work: (manager: WorkerPoolManager) => Promise<void>): Promise<void> {
  await withSession(async (session) => work(await session.manager()));
}

async function printRuns(): Promise<void> {
  const runs = await withSession((session) => latestRuns(session.postgres, { limit: RUNS_SHOWN }));
  const rows = runs.map(({ runId, state, startedAt, requestedBy }) => [runId, state, startedAt, requestedBy]);
  console.log(plainTable(['run', 'state', 'started', 'by'], rows, 4));
}
