import { userInfo } from 'node:os';
import { Command } from 'commander';
import { approveDataset, rejectDataset } from '../../client/held-datasets.ts';
import { createCustomStages } from '../../orchestrator/custom-stages.ts';
import type { OrchestrationResult, WorkerExecutionResult, WorkerMetadata } from '../../orchestrator/types.ts';
import { WorkerOrchestrator } from '../../orchestrator/worker-orchestrator.ts';
import { duration } from '../figures.ts';
import { plainTable } from '../run-table.ts';
import { type Session, withSession } from '../session.ts';

/** Steers the transport-graph pipeline by hand; whatever overrides a rule wants a reason, and leaves a row in the audit log. */
export const graphCommand = (): Command => {
  const command = new Command('graph').description(
    'the transport-graph pipeline: OData → virtual entities → graph in Redis',
  );
  command
    .command('run')
    .description('run the whole pipeline, or one stage, and wait for its end')
    .option('--stage <id>', 'this stage alone')
    .option('--force', 'bypass idempotency (with --reason)')
    .option('--reason <text>', 'why, for the audit log')
    .action(run);
  command
    .command('status')
    .description('the stages and their last runs')
    .action(() => withOrchestrator(printStages));
  command
    .command('cancel')
    .description('end the pipeline that is running')
    .action(() => withOrchestrator(cancel));
  for (const [verb, decide] of [
    ['approve', approveDataset],
    ['reject', rejectDataset],
  ] as const) {
    command
      .command(verb)
      .description(`${verb} a dataset that is held because it is empty or has shrunk sharply`)
      .argument('<version>', 'dataset version')
      .requiredOption('--reason <text>', 'why, for the audit log')
      .action((version: string, { reason }: { reason: string }) =>
        withSession(({ postgres }) => decide(postgres, { version, actor: userInfo().username, reason })),
      );
  }
  return command;
};

async function withOrchestrator(
  work: (orchestrator: WorkerOrchestrator, session: Session) => Promise<void>,
): Promise<void> {
  await withSession(async (session) => {
    const { client } = await session.temporal();
    const customStages = createCustomStages(session.postgres);
    const orchestrator = new WorkerOrchestrator({ temporal: client, postgres: session.postgres, customStages });
    await work(orchestrator, session);
  });
}

async function run(options: { stage?: string; force?: boolean; reason?: string }): Promise<void> {
  if (options.force && !options.reason) throw new Error('--force bypasses idempotency: say why by --reason.');
  const force = options.force ? { force: { actor: userInfo().username, reason: options.reason ?? '' } } : {};
  await withOrchestrator(async (orchestrator) => {
    const result = await (options.stage
      ? orchestrator.executeWorker(options.stage, force)
      : orchestrator.executeFullPipeline(force));
    for (const line of linesOf(result)) console.log(line);
    if (!result.success) process.exitCode = 1;
  });
}

function linesOf(result: OrchestrationResult | WorkerExecutionResult): string[] {
  if (!('workerResults' in result)) return [stageLine(result)];
  const total = result.success ? 'pipeline complete' : `pipeline stopped: ${result.error}`;
  return [...result.workerResults.map(stageLine), `${total} in ${duration(result.totalExecutionTimeMs)}`];
}

const stageLine = ({ success, workerId, message, executionTimeMs }: WorkerExecutionResult): string =>
  `${success ? '✓' : '✗'} ${workerId.padEnd(28)} ${duration(executionTimeMs).padStart(6)}  ${message}`;

async function printStages(orchestrator: WorkerOrchestrator): Promise<void> {
  await orchestrator.refreshMetadata();
  const rows = orchestrator.getAllWorkerMetadata().map(stageCells);
  console.log(plainTable(['stage', 'last run', 'status', 'took', 'runs'], rows, 3));
}

function stageCells({ workerId, lastRun, lastStatus, lastDuration, runCount }: WorkerMetadata): string[] {
  const took = lastDuration === null ? '–' : duration(lastDuration);
  return [workerId, lastRun ?? 'never', lastStatus ?? '–', took, String(runCount)];
}

async function cancel(orchestrator: WorkerOrchestrator): Promise<void> {
  console.log((await orchestrator.cancelPipeline()) ? 'cancelling' : 'no pipeline is running');
}
