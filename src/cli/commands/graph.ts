import { userInfo } from 'node:os';
import { Command } from 'commander';
import { openBackupStore } from '../../activities/transport-graph/backup-store.ts';
import { rollbackGraph } from '../../activities/transport-graph/graph-builder/rollback-graph.ts';
import { createStageLog } from '../../activities/transport-graph/stage-log.ts';
import { openRedis, untilReady } from '../../connections/redis.ts';
import { Failure } from '../../errors.ts';
import { approveDataset, rejectDataset } from '../../records/dataset-decisions.ts';
import { activeVersion } from '../../records/graph-versions.ts';
import { createCustomStages } from '../../orchestrator/custom-stages.ts';
import type { OrchestrationResult, WorkerExecutionResult } from '../../orchestrator/types.ts';
import { WorkerOrchestrator } from '../../orchestrator/worker-orchestrator.ts';
import { GRAPH_COMMAND_TIMEOUT_MS } from '../../graph-store/graph-store.ts';
import { readTransportGraphSettings } from '../../records/settings.ts';
import { GRAPH_BUILDER } from '../../workflows/transport-graph/messages.ts';
import { duration } from '../figures.ts';
import { printGraphStatus } from '../graph-status.ts';
import { type Session, withSession } from '../session.ts';

const REASON = ['--reason <text>', 'why, for the audit log'] as const;

/** Steers the transport-graph pipeline by hand. A command that overrides a rule needs a reason, and writes a row to the audit log. */
export function graphCommand(): Command {
  const command = new Command('graph').description(
    'the transport-graph pipeline: OData → virtual entities → graph in Redis',
  );
  command
    .command('run')
    .description('run the whole pipeline, or one stage, and wait for its end')
    .option('--stage <id>', 'this stage alone')
    .option('--force', 'bypass idempotency (with --reason)')
    .option(...REASON)
    .action(run);
  command
    .command('status')
    .description('the stages and their last runs, the live graph, and what waits for a decision')
    .action(() => withOrchestrator(printGraphStatus));
  command
    .command('cancel')
    .description('end the pipeline that is running, or one stage; what it had begun is undone')
    .option('--stage <worker id>', 'only this stage, whether it runs alone or in the pipeline')
    .requiredOption(...REASON)
    .action(cancel);
  command
    .command('rollback')
    .description('send readers back to an earlier graph')
    .argument('[version]', 'graph-v…; the one before the live graph unless given')
    .option('--from <version>', 'the live graph as you saw it: when another is live by now, nothing is switched')
    .requiredOption(...REASON)
    .action(rollback);
  for (const [verb, decide, decided] of [
    ['approve', approveDataset, 'is approved: the next sync takes this content'],
    ['reject', rejectDataset, 'is rejected: this content is never taken'],
  ] as const) {
    command
      .command(verb)
      .description(`${verb} a dataset that is held because it is empty or has shrunk sharply`)
      .argument('<version>', 'dataset version')
      .requiredOption(...REASON)
      .action(async (version: string, { reason }: { reason: string }) => {
        await withSession(({ postgres }) => decide(postgres, { version, ...byMe(reason) }));
        console.log(`dataset ${version} ${decided}`);
      });
  }
  return command;
}

function byMe(reason: string | undefined): { actor: string; reason: string } {
  if (reason === undefined || reason.trim() === '') {
    throw new Failure('InvalidConfiguration', 'This overrides a rule: say why by --reason, for the audit log.');
  }
  return { actor: userInfo().username, reason: reason.trim() };
}

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
  const force = options.force ? { force: byMe(options.reason) } : {};
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
  const failed = result.workerResults.filter(({ success }) => !success).map(({ workerId }) => workerId);
  const total = result.success ? 'pipeline complete' : `pipeline stopped: ${result.error}`;
  const butFor = result.success && failed.length > 0 ? `, but for ${failed.join(', ')}` : '';
  return [...result.workerResults.map(stageLine), `${total} in ${duration(result.totalExecutionTimeMs)}${butFor}`];
}

const stageLine = ({ success, workerId, message, executionTimeMs }: WorkerExecutionResult): string =>
  `${success ? '✓' : '✗'} ${workerId.padEnd(28)} ${duration(executionTimeMs).padStart(6)}  ${message}`;

async function cancel({ stage, reason }: { stage?: string; reason: string }): Promise<void> {
  await withOrchestrator(async (orchestrator) => {
    const by = byMe(reason);
    const cancelled = await (stage === undefined
      ? orchestrator.cancelPipeline(by)
      : orchestrator.cancelWorker(stage, by));
    console.log(cancelled ? 'cancelling' : `no ${stage ?? 'pipeline'} is running`);
  });
}

async function rollback(version: string | undefined, options: { reason: string; from?: string }): Promise<void> {
  await withSession(async ({ config, postgres }) => {
    const redis = openRedis(config.redisUrl, { commandTimeoutMs: GRAPH_COMMAND_TIMEOUT_MS });
    try {
      await untilReady(redis);
      const from = options.from ?? (await activeVersion(postgres));
      const { from: left, to } = await rollbackGraph(
        {
          pool: postgres,
          redis,
          settings: { read: () => readTransportGraphSettings(postgres) },
          openBackupStore,
          log: createStageLog(GRAPH_BUILDER),
          heartbeat: () => {},
          cancellationSignal: () => new AbortController().signal,
        },
        { ...(version !== undefined && { version }), ...(from !== null && { from }), ...byMe(options.reason) },
      );
      console.log(`readers were sent back from ${left} to ${to}`);
    } finally {
      redis.disconnect();
    }
  });
}
