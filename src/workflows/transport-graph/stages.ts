import { proxyActivities } from '@temporalio/workflow';
import type { CustomStageActivities, StageActivities } from './activities.ts';
import { GRAPH_BUILDER, ODATA_SYNC, type StageInput, type StageResult, VIRTUAL_ENTITIES } from './messages.ts';
import { runStage } from './run-stage.ts';

/** Stage 1: what the OData source publishes, as a new dataset version. */
export const odataSync = (input: StageInput): Promise<StageResult> =>
  runStage(ODATA_SYNC, input, (work, options) => proxyActivities<StageActivities>(options).syncOdata(work));

/** Stage 2: stops, routes and flights for cities that have none. */
export const virtualEntities = (input: StageInput): Promise<StageResult> =>
  runStage(VIRTUAL_ENTITIES, input, (work, options) =>
    proxyActivities<StageActivities>(options).generateVirtualEntities(work),
  );

/** Stage 3: the graph of all of it, in Redis, switched under its readers. */
export const graphBuilder = (input: StageInput): Promise<StageResult> =>
  runStage(GRAPH_BUILDER, input, (work, options) => proxyActivities<StageActivities>(options).buildGraph(work));

/** A stage that an embedding program registered: its code runs in that program, on the queue it polls. */
export const customStage = (input: StageInput): Promise<StageResult> =>
  runStage(null, input, (work, options) => proxyActivities<CustomStageActivities>(options).runStage(work));
