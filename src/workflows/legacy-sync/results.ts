export interface RangeTotals {
  ranges: number;
  rows: number;
  inserted: number;
  duplicates: number;
  quarantined: number;
  bytes: number;
}

/** How a vehicle ended. The next claim settles it in its transaction. */
export interface VehicleOutcome {
  vehicleId: string;
  result: 'completed' | 'failed' | 'already-running';
  totals: RangeTotals;
  failure: { code: string; message: string } | null;
}

/** How a slice of a table ended, settled as a vehicle is. */
export interface SliceOutcome {
  sliceId: string;
  result: 'completed' | 'failed' | 'already-running';
  totals: RangeTotals;
  failure: { code: string; message: string } | null;
}

export interface RunSummary {
  runId: string;
  /** How the run's row says that it ended: `failed` when every vehicle has. Absent in results of earlier releases. */
  state?: string;
  vehicles: number;
  completed: number;
  failed: number;
  upToDate: number;
  rows: number;
  bytes: number;
  quarantined: number;
}
