import { unlessElsewhere } from '../../connections/advisory-lock.ts';
import { noteStageRecoveries, untoldStageRecoveries } from '../../records/alerts.ts';
import { type TellDependencies, createTellNoted } from './tell-noted.ts';

/** A stage's workflow records its end and its alert side by side: a run that ended just now may have an alert that is not a row yet. */
const SETTLED_MS = 60_000;

/**
 * One look at the stages of the transport graph: tells that a stage whose failure was told works again. The failures themselves are told by
 * the stages' workflows. One process looks at a time.
 */
export function createRecoveryWatch(deps: TellDependencies, settledMs = SETTLED_MS): () => Promise<void> {
  const tell = createTellNoted(deps);
  return async () => {
    await unlessElsewhere(deps.pool, { name: 'fleetgraph incidents', key: 'transport-graph' }, async () => {
      await noteStageRecoveries(deps.pool, settledMs);
      await tell(await untoldStageRecoveries(deps.pool));
    });
  };
}
