import { describeRun, firstRunIdOf } from '../../connections/temporal-chain.ts';
import { PIPELINE_WORKFLOW_ID } from '../../workflows/transport-graph/messages.ts';
import type { TemporalGateway } from '../core/temporal-gateway.ts';

export interface RunningPipeline {
  runId: string;
  startedAt: Date;
}

/**
 * The running pipeline, whoever started it. Only Temporal knows of a pipeline that no worker has taken yet, that is between two stages, or
 * that was ended from outside. null: none is running; undefined: Temporal does not answer.
 */
export const runningPipeline = (temporal: TemporalGateway): Promise<RunningPipeline | null | undefined> =>
  temporal.glance(async (client) => {
    const found = await describeRun(client, PIPELINE_WORKFLOW_ID);
    return found === null || found.closeTime !== undefined
      ? null
      : { runId: firstRunIdOf(found), startedAt: found.startTime };
  });
