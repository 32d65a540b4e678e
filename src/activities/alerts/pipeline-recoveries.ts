import { unlessElsewhere } from '../../connections/advisory-lock.ts';
import { untoldPipelineRecoveries } from '../../records/alerts.ts';
import { notePipelineRecoveries } from '../../records/pipeline-alerts.ts';
import { type TellDependencies, createDeliverNotedAlerts } from './deliver-noted-alerts.ts';

/** A stage's workflow records its end and its alert side by side: a run that ended just now may have an alert that is not a row yet. */
const SETTLED_MS = 60_000;

/**
 * One look at what the transport graph's workflows have told: tells what of it is over. The failures themselves are told by the workflows of
 * the stages and the pipeline. One process looks at a time.
 */
export function createRecoveryWatch(deps: TellDependencies, settledMs = SETTLED_MS): () => Promise<void> {
  const tell = createDeliverNotedAlerts(deps);
  return async () => {
    await unlessElsewhere(deps.pool, { name: 'fleetgraph incidents', key: 'transport-graph' }, async () => {
      await notePipelineRecoveries(deps.pool, settledMs);
      await tell(await untoldPipelineRecoveries(deps.pool));
    });
  };
}
