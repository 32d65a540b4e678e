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

/** Whether a legacy server can be worked with, step by step as far as it went. */
export interface ServerCheck {
  ok: boolean;
  /** What was found on the way, in words. */
  steps: string[];
  failure: { code: string; message: string } | null;
}

export interface RedriveInput {
  vehicleId: string;
  /** Rows of `quarantine`; null: all of the vehicle's, as many as are taken at once. */
  ids: string[] | null;
}

/** Rows tried again: `imported` are new in positions, `duplicates` were there, `stillQuarantined` stay as they are. */
export interface RedriveResult {
  taken: number;
  imported: number;
  duplicates: number;
  stillQuarantined: number;
  /** Rows beyond those that are taken at once. */
  left: number;
}

export const serverCheckWorkflowId = (serverId: string): string => `server-check/${serverId}`;
export const redriveWorkflowId = (vehicleId: string): string => `quarantine-redrive/${vehicleId}`;

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
