import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { RangeTotals, RunSummary, VehicleOutcome } from './activities.ts';

export const LEGACY_SYNC_TASK_QUEUE = 'legacy-sync';

/** `delta` reads what came after the watermark, `full` reads everything again; rows that are there already are counted as duplicates. */
export type SyncMode = 'delta' | 'full';

/** Which vehicles a run takes. `first` takes the n of highest priority: the rollout's steps. */
export type VehicleSelection =
  | { kind: 'all' }
  | { kind: 'list'; vehicleIds: string[] }
  | { kind: 'priority'; atLeast: number }
  | { kind: 'first'; count: number };

export interface FleetSyncInput {
  selection: VehicleSelection;
  mode?: SyncMode;
  /** Overrides `legacy_sync.worker_pool.max_workers` for this run. */
  maxWorkers?: number;
  requestedBy?: string;
}

export type FleetSyncResult = RunSummary;

export interface WorkerSlotInput {
  runId: string;
  fleetWorkflowId: string;
  slot: number;
  /** Slots the run had when this one was opened. */
  workers: number;
  /** Carried through continue-as-new. */
  carried?: { sequence: number; vehicles: number; settle: VehicleOutcome | null };
}

export interface WorkerSlotResult {
  slot: number;
  vehicles: number;
  retired: 'limit' | 'drained';
}

export interface VehicleSyncInput {
  runId: string;
  vehicleId: string;
  label: string;
  slot: number;
  mode: SyncMode;
  timeoutMs: number;
  /** Carried through continue-as-new. */
  totals?: RangeTotals;
}

export type VehicleSyncResult = RangeTotals;

/** Stops claiming; vehicles in flight go on to their end. */
export const pauseUpdate = defineUpdate<{ paused: boolean }>('pause');
export const resumeUpdate = defineUpdate<{ paused: boolean }>('resume');
export const setMaxWorkersUpdate = defineUpdate<{ maxWorkers: number }, [number]>('setMaxWorkers');

/** Sent by slots and workers when the number of slots the run should have has changed. */
export const workersWantedSignal = defineSignal<[number]>('workersWanted');
/** Ends a slot's wait: something it waited for may have changed. */
export const wakeSignal = defineSignal('wake');

/** `scope` is `all`, or a hash of the selection: the same selection started twice is one run. */
export const fleetSyncWorkflowId = (scope: string): string => `fleet-sync/${scope}`;
export const workerSlotWorkflowId = (fleetWorkflowId: string, slot: number): string =>
  `${fleetWorkflowId}/worker-${slot}`;
export const vehicleSyncWorkflowId = (vehicleId: string): string => `vehicle-sync/${vehicleId}`;
