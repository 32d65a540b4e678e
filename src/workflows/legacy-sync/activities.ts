/**
 * What the legacy-sync workflows ask of the outside world. Workflows own these interfaces and activities implement them, so that
 * no Node type reaches workflow code. Ids are decimal strings, times ISO 8601, durations milliseconds, sizes bytes.
 */
import type { DiscoveryInput, DiscoveryResult, InspectionInput, InspectionResult } from './inspection.ts';
import type {
  ReconcileSummary,
  RedriveInput,
  RedriveResult,
  RemoveExtraInput,
  RemoveExtraResult,
  ServerTest,
  SliceKey,
  SyncMode,
  VehicleSelection,
} from './messages.ts';
import type { RangeTotals, RunSummary, SliceOutcome, VehicleOutcome } from './results.ts';

export type { RangeTotals, RunSummary, SliceOutcome, VehicleOutcome } from './results.ts';

export interface PlanRunInput {
  runId: string;
  workflowId: string;
  selection: VehicleSelection;
  mode: SyncMode;
  requestedBy: string;
  maxWorkers: number | null;
}

export interface PlanRunResult {
  /** Vehicles that have something to do; vehicles with nothing new are settled while planning and cost no child. */
  planned: number;
  upToDate: number;
  /** Vehicles that could not be planned (unknown table, source reset, …), already settled as failed. */
  failed: number;
  plannedRows: number;
  /** Slots to open now: max_workers, or 1 where the pool is disabled. */
  workers: number;
}

export interface ClaimInput {
  runId: string;
  slot: number;
  /** Numbers the claims of this slot, also through continue-as-new: two requests with one number are one claim. */
  sequence: number;
  settle: VehicleOutcome | SliceOutcome | null;
  /** The number of workers that the slot was told last. */
  knownWorkers?: number;
  /** The slot is being cancelled: settle, claim nothing, answer `retire`. */
  settleOnly?: boolean;
  /** The slot knows what a slice is; one of an earlier version does not, and gets vehicles only. */
  slices?: boolean;
}

export type Claim = {
  workers: number;
  /** Vehicles have come back to the run: slots that had retired are wanted again. */
  reopen?: boolean;
  /** With `reopen`, or where `workers` is not what the slot knew: how many slots the run's work left is enough for. */
  slots?: number;
} & (
  | { kind: 'vehicle'; vehicle: ClaimedVehicle }
  | { kind: 'slice'; slice: ClaimedSlice }
  /** Nothing may start now (paused, no permit, circuit open, only vehicles that run elsewhere): ask again after `retryInMs`. */
  | { kind: 'wait'; reason: string; retryInMs: number }
  /** This slot's number is above the limit, or the run has nothing left. */
  | { kind: 'retire'; reason: 'limit' | 'drained' }
);

/** A slice of a table that many vehicles share: `number` of `of`. */
export interface ClaimedSlice {
  sliceId: string;
  serverId: string;
  table: string;
  number: number;
  of: number;
  plannedRows: number;
  timeoutMs: number;
}

export interface ClaimedVehicle {
  vehicleId: string;
  label: string;
  mode: SyncMode;
  plannedRows: number;
  timeoutMs: number;
}

export interface RunControlInput {
  runId: string;
  paused?: boolean;
  maxWorkers?: number;
}

export interface FinishRunInput {
  runId: string;
  outcome: 'completed' | 'cancelled' | 'failed';
}

export interface FleetActivities {
  planRun(input: PlanRunInput): Promise<PlanRunResult>;
  claimNext(input: ClaimInput): Promise<Claim>;
  controlRun(input: RunControlInput): Promise<{ workers: number }>;
  finishRun(input: FinishRunInput): Promise<RunSummary>;
}

/** Names one vehicle's work in one run: the key of its row in `vehicle_syncs`. */
export interface VehicleSyncKey {
  runId: string;
  vehicleId: string;
  slot: number;
}

/** The file of one range on the legacy host: its path, bounds, counts and SHA-256. */
export interface ExportManifest {
  /** Path on the legacy host, made by us. */
  file: string;
  compression: 'zstd' | 'gzip' | 'lz4' | 'none';
  /** Rows with fromId <= id <= toId; rows at or below `watermark` are the overlap, read again to catch late commits. */
  fromId: string;
  watermark: string;
  toId: string;
  rows: number;
  bytes: number;
  sha256: string;
  /** No rows are left up to the run's frozen upper bound. */
  last: boolean;
}

/** A small range that its export streamed into PostgreSQL. */
export interface LoadedRange {
  loaded: RangeTotals;
  /** No rows are left up to the run's frozen upper bound. */
  last: boolean;
}

export interface LoadInput {
  key: VehicleSyncKey;
  manifest: ExportManifest;
}

export interface VehicleActivities {
  /**
   * Dumps the next range to a file on the legacy host, which `loadRange` loads. A small range is streamed into PostgreSQL instead, because
   * a second activity would cost more than the work itself. null when nothing is left.
   */
  exportRange(key: VehicleSyncKey): Promise<ExportManifest | LoadedRange | null>;
  /** Transfers, verifies and imports the file, moves the watermark, removes both copies; null when the file is bad and the range has to be exported again. */
  loadRange(input: LoadInput): Promise<RangeTotals | null>;
  /** Removes what a failed, timed-out or cancelled sync left on both sides, and ends its remote processes. */
  cleanUp(key: VehicleSyncKey): Promise<void>;
  /** Milliseconds this vehicle was worked on, without the time it queued for permits and worker slots. */
  workedMs(key: VehicleSyncKey): Promise<number>;
}

/** As VehicleActivities, for a slice of a table. */
export interface SliceActivities {
  /** Dumps the slice to a file on the legacy host, or brings it into PostgreSQL in the same go where it is small. */
  exportSlice(key: SliceKey): Promise<ExportManifest | { loaded: RangeTotals }>;
  loadSlice(input: { key: SliceKey; manifest: ExportManifest }): Promise<RangeTotals | null>;
  cleanUpSlice(key: SliceKey): Promise<void>;
  sliceWorkedMs(key: SliceKey): Promise<number>;
}

/** Activities that an operator asks for by hand. A worker does them, because only workers have the secrets and reach the legacy hosts. */
export interface OperatorActivities {
  /** Never fails: its answer says what is wrong. */
  testServer(serverId: string): Promise<ServerTest>;
  /** `testServer` under its name of the release before this one, for the workflow `checkServer`. */
  checkServer(serverId: string): Promise<ServerTest>;
  redriveQuarantine(input: RedriveInput): Promise<RedriveResult>;
  /** Never fails, as testServer. It looks, and changes nothing anywhere. */
  inspectServer(input: InspectionInput): Promise<InspectionResult>;
  /** Never fails either. It adds vehicles only where its input says so. */
  discoverVehicles(input: DiscoveryInput): Promise<DiscoveryResult>;
}

export interface PlanReconciliationInput {
  reconciliationId: string;
  workflowId: string;
  selection: VehicleSelection;
  /** YYYY-MM-DD of each server's zone; null: all days. */
  from: string | null;
  to: string | null;
  requestedBy: string;
}

/** The part of a reconciliation at one server. */
export interface ReconcilePart {
  reconciliationId: string;
  serverId: string;
}

export interface ReconciliationActivities {
  /** The servers to ask. */
  planReconciliation(input: PlanReconciliationInput): Promise<{ servers: string[] }>;
  /** Compares some vehicles of a server; `left`: there are more. What was compared is written, so that it is not done again. */
  compareNext(part: ReconcilePart): Promise<{ left: boolean }>;
  /** Brings some days of a server's vehicles in line. */
  repairNext(part: ReconcilePart): Promise<{ left: boolean }>;
  /** The servers with days that nobody has repaired. */
  planRepair(input: { reconciliationId: string }): Promise<{ servers: string[] }>;
  finishReconciliation(input: {
    reconciliationId: string;
    outcome: 'completed' | 'cancelled' | 'failed';
  }): Promise<ReconcileSummary>;
  removeExtra(input: RemoveExtraInput): Promise<RemoveExtraResult>;
}
