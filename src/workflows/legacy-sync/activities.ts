/**
 * What the legacy-sync workflows ask of the outside world. Workflows own these interfaces and activities implement them, so that
 * no Node type reaches workflow code. Ids are decimal strings, times ISO 8601, durations milliseconds, sizes bytes.
 */
import type { RedriveInput, RedriveResult, ServerCheck, SyncMode, VehicleSelection } from './messages.ts';

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

/** How a vehicle ended, told to the next claim, which settles it in the same transaction. */
export interface VehicleOutcome {
  vehicleId: string;
  result: 'completed' | 'failed' | 'already-running';
  totals: RangeTotals;
  failure: { code: string; message: string } | null;
}

export interface ClaimInput {
  runId: string;
  slot: number;
  /** Counts the claims of this slot through continue-as-new: the same number asked twice is the same claim. */
  sequence: number;
  settle: VehicleOutcome | null;
  /** The slot is being cancelled: settle, claim nothing, answer `retire`. */
  settleOnly?: boolean;
}

export type Claim =
  | { kind: 'vehicle'; vehicle: ClaimedVehicle; workers: number }
  /** Nothing may start now (paused, no permit, circuit open, only vehicles that run elsewhere): ask again after `retryInMs`. */
  | { kind: 'wait'; reason: string; retryInMs: number; workers: number }
  /** This slot's number is above the limit, or the run has nothing left. */
  | { kind: 'retire'; reason: 'limit' | 'drained'; workers: number };

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

export interface RunSummary {
  runId: string;
  vehicles: number;
  completed: number;
  failed: number;
  upToDate: number;
  rows: number;
  bytes: number;
  quarantined: number;
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

/** What the export left on the legacy host; proof and address of one range. */
export interface ExportManifest {
  /** Path on the legacy host, made by us. */
  file: string;
  compression: 'zstd' | 'gzip' | 'none';
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

export interface RangeTotals {
  ranges: number;
  rows: number;
  inserted: number;
  duplicates: number;
  quarantined: number;
  bytes: number;
}

/** A small range that its export brought into PostgreSQL at once. */
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
   * Dumps the next range to a file on the legacy host, to be loaded next. A small one is brought into PostgreSQL in the same go: most of
   * what it costs would be to begin once more. null when nothing is left.
   */
  exportRange(key: VehicleSyncKey): Promise<ExportManifest | LoadedRange | null>;
  /** Transfers, verifies and imports the file, moves the watermark, removes both copies; null when the file is no good and has to be exported again. */
  loadRange(input: LoadInput): Promise<RangeTotals | null>;
  /** Removes what a failed, timed-out or cancelled sync left on both sides, and ends its remote processes. */
  cleanUp(key: VehicleSyncKey): Promise<void>;
  /** Milliseconds this vehicle was worked on, without the time it queued for permits and worker slots. */
  workedMs(key: VehicleSyncKey): Promise<number>;
}

/** What an operator asks for by hand, done where the secrets and the way to the legacy hosts are. */
export interface OperatorActivities {
  /** Never fails: what is wrong is its answer. */
  checkServer(serverId: string): Promise<ServerCheck>;
  redriveQuarantine(input: RedriveInput): Promise<RedriveResult>;
}
