import { userInfo } from 'node:os';
import { Command } from 'commander';
import { withSession } from '../session.ts';
import { showRun } from '../show-run.ts';
import { type SyncOptions, syncOf, withSyncOptions } from '../sync-options.ts';

export const syncCommand = (): Command =>
  withSyncOptions(new Command('sync'))
    .description(
      'start a fleet sync, or join the one that runs over the same vehicles, and show its progress; Ctrl-C ends the showing, not the run',
    )
    .option('--no-wait', 'print the run id and return')
    .action(sync);

async function sync(options: SyncOptions & { wait: boolean }): Promise<void> {
  const chosen = syncOf(options);
  await withSession(async (session) => {
    const manager = await session.manager();
    const run = await manager.start({ ...chosen, requestedBy: userInfo().username });
    console.log(`run ${run.runId} (${run.workflowId})`);
    if (options.wait) await showRun(manager, run);
  });
}
