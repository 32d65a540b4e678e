export { fleetSync } from './legacy-sync/fleet-sync.ts';
export {
  checkServer,
  discoverVehicles,
  inspectServer,
  redriveQuarantine,
  testServer,
} from './legacy-sync/operator-tasks.ts';
export { reconcileFleet, removeExtraPositions, repairReconciled } from './legacy-sync/reconcile-fleet.ts';
export { rollout } from './legacy-sync/rollout.ts';
export { scheduledFleetSync } from './legacy-sync/scheduled-fleet-sync.ts';
export { scheduledReconciliation } from './legacy-sync/scheduled-reconciliation.ts';
export { tableSliceSync } from './legacy-sync/table-slice-sync.ts';
export { vehicleSync } from './legacy-sync/vehicle-sync.ts';
export { workerSlot } from './legacy-sync/worker-slot.ts';
export { scheduledPipeline, transportGraphPipeline } from './transport-graph/pipeline.ts';
export { customStage, graphBuilder, odataSync, virtualEntities } from './transport-graph/stages.ts';
export { switchGraph } from './transport-graph/switch-graph.ts';
