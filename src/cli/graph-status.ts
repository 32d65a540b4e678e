import { heldDatasets } from '../records/datasets.ts';
import { activeGraph, unsettledGraphs } from '../records/graphs.ts';
import type { WorkerMetadata } from '../records/stage-metadata.ts';
import type { WorkerOrchestrator } from '../orchestrator/worker-orchestrator.ts';
import { count, duration } from './figures.ts';
import { plainTable } from './run-table.ts';
import type { Session } from './session.ts';

/** The stages with their last runs, the live graph, and the datasets that wait for somebody's decision. */
export async function printGraphStatus(orchestrator: WorkerOrchestrator, { postgres }: Session): Promise<void> {
  await orchestrator.refreshMetadata();
  const rows = orchestrator.getAllWorkerMetadata().map(stageCells);
  console.log(plainTable(['stage', 'last run', 'status', 'took', 'runs'], rows, 3));
  const live = await activeGraph(postgres);
  if (live !== null) {
    const { version, dataset_version: dataset, nodes, edges } = live;
    console.log(`\nlive: ${version} of dataset ${dataset}, ${count(nodes)} nodes, ${count(edges)} edges`);
  }
  for (const line of (await unsettledGraphs(postgres)).map(unsettledLine)) console.log(`\n${line}`);
  for (const { version, reason } of await heldDatasets(postgres))
    console.log(`\ndataset ${version} is held: ${reason}\n  fleetgraph graph approve ${version} --reason …, or reject`);
}

function unsettledLine({
  version,
  state,
  failure,
  settled,
}: Awaited<ReturnType<typeof unsettledGraphs>>[number]): string {
  if (settled) return `${version} failed: ${failure ?? 'nobody recorded why'}`;
  return `${version} is ${state}: when its builder is gone, the next reconciliation makes it active or failed (transport_graph.graph.refill_check_ms)`;
}

function stageCells({ workerId, lastRun, lastStatus, lastDuration, runCount }: WorkerMetadata): string[] {
  const took = lastDuration === null ? '–' : duration(lastDuration);
  return [workerId, lastRun ?? 'never', lastStatus ?? '–', took, String(runCount)];
}
