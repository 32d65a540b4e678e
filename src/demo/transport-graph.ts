import { count, duration } from '../cli/figures.ts';
import type { Session } from '../cli/session.ts';
import { GraphReader } from '../graph-store/graph-reader.ts';
import { createCustomStages } from '../orchestrator/custom-stages.ts';
import { WorkerOrchestrator } from '../orchestrator/worker-orchestrator.ts';
import { countVirtualEntities } from '../records/datasets.ts';
import { writeSetting } from '../records/settings.ts';
import { startOdataSource } from '../emulators/odata-source.ts';
import { transportNetwork } from './transport-network.ts';
import type { WorkerProcess } from './worker-process.ts';

const STAGE_LINE = /^\[[^\]]+Z\] \[[a-z-]+\] /;
const PAGE = 1_000;

/** Runs the transport-graph pipeline twice against an OData source of ours. The source stays up for exploring, and ends with this process. */
export async function showTransportGraph(session: Session, worker: WorkerProcess): Promise<void> {
  const network = transportNetwork();
  const source = await startOdataSource({ ...network });
  source.serverPage = PAGE;
  await writeSetting(session.postgres, 'transport_graph.odata.url', source.url, { actor: 'demo' });
  const { client: temporal } = await session.temporal();
  const { postgres } = session;
  const orchestrator = new WorkerOrchestrator({ temporal, postgres, customStages: createCustomStages(postgres) });
  const { Stops, Routes, Flights } = network;
  console.log(
    `\ntransport graph: an OData source publishes ${count(Stops.length)} stops, ${count(Routes.length)} routes, ${count(Flights.length)} flights`,
  );
  worker.onLine((line) => {
    if (STAGE_LINE.test(line)) console.log(`  ${line}`);
  });
  await runPipeline(orchestrator);
  await printGraph(session);
  console.log('\nsecond run: nothing changed');
  await runPipeline(orchestrator);
}

async function runPipeline(orchestrator: WorkerOrchestrator): Promise<void> {
  const { success, error, workerResults, totalExecutionTimeMs } = await orchestrator.executeFullPipeline();
  if (!success) process.exitCode = 1;
  const stages = workerResults.map(({ workerId, message }) => `\n  ${workerId.padEnd(28)}${message}`).join('');
  console.log(`pipeline ${success ? 'complete' : `stopped: ${error}`} in ${duration(totalExecutionTimeMs)}${stages}`);
}

/** Prints the live graph as a reader sees it, and what was generated for the cities without a bus. */
async function printGraph({ postgres, redis }: Session): Promise<void> {
  const virtual = await countVirtualEntities(postgres);
  const graph = await new GraphReader(redis).read(async (pinned) => {
    const stops = await pinned.stopIds();
    const neighbors = await Promise.all(stops.map((id) => pinned.neighbors(id)));
    const edges = neighbors.reduce((sum, each) => sum + (each?.length ?? 0), 0);
    const [first] = (await pinned.neighbors('terminal'))!.toSorted((a, b) => b.weight - a.weight);
    const far = await pinned.node(first!.toStopId);
    return { version: pinned.version, nodes: stops.length, edges, far: far?.stopName, minutes: first!.weight };
  });
  console.log(
    `graph   ${graph.version}: ${count(graph.nodes)} nodes, ${count(graph.edges)} edges; the longest way from the hub is ${count(graph.minutes)} min to ${graph.far}\n` +
      `virtual ${count(virtual.stops)} cities, ${count(virtual.routes)} routes, ${count(virtual.flights)} flights of the next 365 days`,
  );
}
