import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { RangeTotals, RunSummary, SliceOutcome, VehicleOutcome } from './results.ts';
import type { RolloutOrder, RolloutStanding } from './rollout-contract.ts';

export const LEGACY_SYNC_TASK_QUEUE = 'legacy-sync';

/** `delta` reads what came after the watermark, `full` reads everything again; rows that are there already are counted as duplicates. */
export type SyncMode = 'delta' | 'full';

/** Which vehicles a run takes. `first` takes the n of highest priority, of all or of one server: the rollout's steps. */
export type VehicleSelection =
  | { kind: 'all' }
  | { kind: 'list'; vehicleIds: string[] }
  | { kind: 'priority'; atLeast: number }
  | { kind: 'first'; count: number }
  | { kind: 'server'; serverId: string; first?: number | undefined };

export interface FleetSyncInput {
  selection: VehicleSelection;
  mode?: SyncMode;
  /** Overrides `legacy_sync.worker_pool.max_workers` for this run. */
  maxWorkers?: number;
  requestedBy?: string;
}

export type FleetSyncResult = RunSummary;

/** What a schedule starts. `fleetWorkflowId` is the id that the same sync has when it is started by hand. */
export interface ScheduledFleetSyncInput {
  fleetWorkflowId: string;
  sync: FleetSyncInput;
}

/** `skipped`: the same vehicles were being synced already. */
export interface ScheduledFleetSyncResult {
  status: 'ran' | 'skipped';
  result: FleetSyncResult | null;
}

/** What a schedule of reconciliations starts. */
export interface ScheduledReconciliationInput extends Pick<ReconcileInput, 'selection' | 'repair' | 'requestedBy'> {
  /** Compares so many days before the start, in every zone; null: all there are. */
  lastDays: number | null;
}

/** `skipped`: a reconciliation was under way already. */
export interface ScheduledReconciliationResult {
  status: 'ran' | 'skipped';
  result: ReconcileSummary | null;
}

export interface WorkerSlotInput {
  runId: string;
  fleetWorkflowId: string;
  slot: number;
  /** Slots the run had when this one was opened. */
  workers: number;
  /** Carried through continue-as-new. */
  carried?: { sequence: number; vehicles: number; settle: VehicleOutcome | SliceOutcome | null };
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

/** Names a slice of a table in a run: the key of its row in `table_slices`. */
export interface SliceKey {
  runId: string;
  sliceId: string;
  slot: number;
}

export interface TableSliceSyncInput extends SliceKey {
  table: string;
  number: number;
  of: number;
  timeoutMs: number;
}

/** Whether a legacy server can be synced from, and how far the test came. */
export interface ServerTest {
  ok: boolean;
  /** What each step found, in words. */
  steps: string[];
  failure: { code: string; message: string } | null;
}

export interface RedriveInput {
  vehicleId: string;
  /** Rows of `quarantine`; null: all of the vehicle's, as many as are taken at once. */
  ids: string[] | null;
  /** Says what would come in, and changes nothing. */
  dryRun?: boolean;
}

/** The most ids of rows that one workflow is given to try again. */
export const REDRIVEN_AT_ONCE = 5_000;

/** Rows tried again: `imported` are new in positions, `duplicates` were there, `stillQuarantined` stay as they are. */
export interface RedriveResult {
  taken: number;
  imported: number;
  duplicates: number;
  stillQuarantined: number;
  /** Rows beyond those that are taken at once. */
  left: number;
}

/** Compares what arrived of these vehicles with what their servers have. */
export interface ReconcileInput {
  selection: VehicleSelection;
  /** Days of each server's zone, YYYY-MM-DD; without them all there are. */
  from?: string | undefined;
  to?: string | undefined;
  /** Brings what differs in line as soon as it is known. */
  repair?: boolean;
  requestedBy?: string;
  /** Steps of all servers together, some vehicles each, before it continues as new. */
  stepsPerHistory?: number;
  /** Carried through continue-as-new. */
  servers?: string[];
}

/** Numbers of rows that a comparison has found. */
export interface ComparedRows {
  sourceRows: number;
  targetRows: number;
  missing: number;
  changed: number;
  extra: number;
  quarantined: number;
}

/** What was found so far. */
export interface ReconcileSummary extends ComparedRows {
  state: 'running' | 'completed' | 'cancelled' | 'failed';
  vehicles: number;
  compared: number;
  failed: number;
  differingDays: number;
  repairedDays: number;
}

/** Brings the days in line that a reconciliation found to differ. */
export interface RepairInput {
  reconciliationId: string;
  requestedBy?: string;
}

/** Removes rows that are marked as no longer at the source; null: of all vehicles. */
export interface RemoveExtraInput {
  vehicleIds: string[] | null;
}

export interface RemoveExtraResult {
  vehicles: number;
  removed: number;
}

/** One at a time: two would ask the same hosts for the same rows. */
export const RECONCILE_WORKFLOW_ID = 'reconcile-fleet';
export const repairWorkflowId = (reconciliationId: string): string => `reconcile-repair/${reconciliationId}`;
export const REMOVE_EXTRA_WORKFLOW_ID = 'remove-extra-positions';

export const serverTestWorkflowId = (serverId: string): string => `server-test/${serverId}`;
export const inspectionWorkflowId = (serverId: string): string => `server-inspection/${serverId}`;
export const discoveryWorkflowId = (serverId: string): string => `vehicle-discovery/${serverId}`;
export const redriveWorkflowId = (vehicleId: string): string => `quarantine-redrive/${vehicleId}`;

/** One at a time for each server. */
export const rolloutWorkflowId = (serverId: string): string => `rollout/${serverId}`;
/** Opens the next step, or runs the current one again. */
export const advanceUpdate = defineUpdate<RolloutStanding, [RolloutOrder]>('advance');
/** Takes the current step back. */
export const backUpdate = defineUpdate<RolloutStanding, [RolloutOrder]>('back');

/** Stops claiming; vehicles in flight go on to their end. */
export const pauseUpdate = defineUpdate<{ paused: boolean }>('pause');
export const resumeUpdate = defineUpdate<{ paused: boolean }>('resume');
export const setMaxWorkersUpdate = defineUpdate<{ maxWorkers: number }, [number]>('setMaxWorkers');

/** Sent by slots and workers when the number of slots the run should have has changed. */
export const workersWantedSignal = defineSignal<[number]>('workersWanted');
/** Ends a slot's wait: something it waited for may have changed. */
export const wakeSignal = defineSignal('wake');

const FLEET_SCHEDULE = 'fleet-sync-schedule/';
export const fleetScheduleId = (name: string): string => `${FLEET_SCHEDULE}${name}`;
/** The name in the id of a schedule; null for a schedule of something else. */
export const fleetScheduleName = (scheduleId: string): string | null =>
  scheduleId.startsWith(FLEET_SCHEDULE) ? scheduleId.slice(FLEET_SCHEDULE.length) : null;

/** Who asked for what a schedule starts. */
const BY_SCHEDULE = 'schedule ';
export const requestedBySchedule = (name: string): string => `${BY_SCHEDULE}${name}`;
export const isRequestedBySchedule = (requestedBy: string): boolean => requestedBy.startsWith(BY_SCHEDULE);

/** `scope` is `all`, or a hash of the selection: the same selection started twice is one run. */
export const fleetSyncWorkflowId = (scope: string): string => `fleet-sync/${scope}`;
export const workerSlotWorkflowId = (fleetWorkflowId: string, slot: number): string =>
  `${fleetWorkflowId}/worker-${slot}`;
export const vehicleSyncWorkflowId = (vehicleId: string): string => `vehicle-sync/${vehicleId}`;
export const tableSliceSyncWorkflowId = (slice: {
  runId: string;
  serverId: string;
  table: string;
  number: number;
}): string => `table-slice/${slice.serverId}/${slice.table}/${slice.runId}/${slice.number}`;

/** "table positions, slice 3 of 12": what people are told a worker slot is doing. */
export const sliceLabel = ({ table, number, of }: { table: string; number: number; of: number }): string =>
  `table ${table}, slice ${number} of ${of}`;
