import type { WorkerMetadata } from '../orchestrator/types.ts';
import type { WorkerOrchestrator } from '../orchestrator/worker-orchestrator.ts';
import { count, duration } from './figures.ts';
import { plainTable } from './run-table.ts';
import type { Session } from './session.ts';

/** The stages with their last runs, the live graph, and the datasets that wait for somebody's decision. */
export async function printGraphStatus(orchestrator: WorkerOrchestrator, { postgres }: Session): Promise<void> {
  await orchestrator.refreshMetadata();
  const rows = orchestrator.getAllWorkerMetadata().map(stageCells);
  console.log(plainTable(['stage', 'last run', 'status', 'took', 'runs'], rows, 3));
  const { rows: graphs } = await postgres.query<{ version: string; dataset: string; nodes: number; edges: number }>(
    `SELECT version, dataset_version AS dataset, nodes, edges FROM graphs WHERE state = 'active'`,
  );
  for (const { version, dataset, nodes, edges } of graphs)
    console.log(`\nlive: ${version} of dataset ${dataset}, ${count(nodes)} nodes, ${count(edges)} edges`);
  const { rows: held } = await postgres.query<{ version: string; reason: string }>(
    `SELECT version, held_reason AS reason FROM datasets WHERE state = 'held' AND decided_at IS NULL ORDER BY version`,
  );
  for (const { version, reason } of held)
    console.log(`\ndataset ${version} is held: ${reason}\n  fleetgraph graph approve ${version} --reason …, or reject`);
}

function stageCells({ workerId, lastRun, lastStatus, lastDuration, runCount }: WorkerMetadata): string[] {
  const took = lastDuration === null ? '–' : duration(lastDuration);
  return [workerId, lastRun ?? 'never', lastStatus ?? '–', took, String(runCount)];
}
