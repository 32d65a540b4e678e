export { fleetSync } from './legacy-sync/fleet-sync.ts';
export { vehicleSync } from './legacy-sync/vehicle-sync.ts';
export { workerSlot } from './legacy-sync/worker-slot.ts';
export { scheduledPipeline, transportGraphPipeline } from './transport-graph/pipeline.ts';
export { customStage, graphBuilder, odataSync, virtualEntities } from './transport-graph/stages.ts';
