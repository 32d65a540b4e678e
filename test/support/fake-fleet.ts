import type {
  Claim,
  ClaimInput,
  ExportManifest,
  FleetActivities,
  LoadedRange,
  PlanRunInput,
  RangeTotals,
  VehicleActivities,
  VehicleSyncKey,
} from '../../src/workflows/legacy-sync/activities.ts';

/**
 * A fleet in memory that implements the activities, for tests of the workflows alone. Claims, permits and the work itself are simulated;
 * the Temporal server, the worker and the workflows are real.
 */
export interface FakeFleet {
  activities: FleetActivities & VehicleActivities;
  /** What happened, in order: `export 1`, `load 1`, `cleanUp 1`, `finish completed`, … */
  log: string[];
  settled: Map<string, { result: string; code: string | null }>;
  mostInFlight(): number;
  paused: boolean;
  maxWorkers: number;
}

export interface FakeVehicle {
  id: string;
  ranges?: number;
  /** Its ranges are small, so the export streams them. */
  streamed?: boolean;
  /** Called at the start of each export; may throw or wait. */
  onExport?: (attempt: number, signal: AbortSignal) => Promise<void>;
  timeoutMs?: number;
}

export function createFakeFleet(vehicles: FakeVehicle[], context: { signal(): AbortSignal }): FakeFleet {
  const queue = [...vehicles];
  const claims = new Map<string, Claim>();
  const inFlight = new Set<string>();
  const attempts = new Map<string, number>();
  const workedSince = new Map<string, number>();
  let most = 0;

  const settle = ({ settle: outcome }: ClaimInput): void => {
    if (outcome === null || 'sliceId' in outcome) return;
    inFlight.delete(outcome.vehicleId);
    if (outcome.result === 'already-running') {
      queue.push(byId(outcome.vehicleId));
      return;
    }
    fleet.settled.set(outcome.vehicleId, { result: outcome.result, code: outcome.failure?.code ?? null });
  };
  const byId = (id: string): FakeVehicle => vehicles.find((vehicle) => vehicle.id === id)!;
  const next = (slot: number): Claim => {
    const workers = fleet.maxWorkers;
    if (slot > workers) return { kind: 'retire', reason: 'limit', workers };
    if (fleet.paused) return { kind: 'wait', reason: 'paused', retryInMs: 200, workers };
    const vehicle = queue.shift();
    if (vehicle === undefined) return { kind: 'retire', reason: 'drained', workers };
    inFlight.add(vehicle.id);
    most = Math.max(most, inFlight.size);
    const { id, timeoutMs = 60_000 } = vehicle;
    return {
      kind: 'vehicle',
      vehicle: { vehicleId: id, label: `bus-${id}`, mode: 'delta', plannedRows: 1, timeoutMs },
      workers,
    };
  };

  const fleet: FakeFleet = {
    log: [],
    settled: new Map(),
    paused: false,
    maxWorkers: 3,
    mostInFlight: () => most,
    activities: {
      async planRun({ maxWorkers }: PlanRunInput) {
        fleet.maxWorkers = maxWorkers ?? fleet.maxWorkers;
        return {
          planned: vehicles.length,
          upToDate: 0,
          failed: 0,
          plannedRows: vehicles.length,
          workers: fleet.maxWorkers,
        };
      },
      async claimNext(input) {
        const token = `${input.slot}/${input.sequence}`;
        const known = claims.get(token);
        if (known !== undefined) return known;
        settle(input);
        const claim: Claim = input.settleOnly
          ? { kind: 'retire', reason: 'drained', workers: fleet.maxWorkers }
          : next(input.slot);
        claims.set(token, claim);
        return claim;
      },
      async controlRun({ paused, maxWorkers }) {
        fleet.paused = paused ?? fleet.paused;
        fleet.maxWorkers = maxWorkers ?? fleet.maxWorkers;
        return { workers: fleet.maxWorkers };
      },
      async finishRun({ runId, outcome }) {
        fleet.log.push(`finish ${outcome}`);
        const failed = [...fleet.settled.values()].filter(({ result }) => result === 'failed').length;
        const completed = fleet.settled.size - failed;
        return {
          runId,
          vehicles: vehicles.length,
          completed,
          failed,
          upToDate: 0,
          rows: completed,
          bytes: 0,
          quarantined: 0,
        };
      },
      async exportRange({ vehicleId }: VehicleSyncKey): Promise<ExportManifest | LoadedRange | null> {
        const attempt = (attempts.get(vehicleId) ?? 0) + 1;
        attempts.set(vehicleId, attempt);
        if (!workedSince.has(vehicleId)) workedSince.set(vehicleId, Date.now());
        fleet.log.push(`export ${vehicleId}`);
        await byId(vehicleId).onExport?.(attempt, context.signal());
        const vehicle = byId(vehicleId);
        const ranges = vehicle.ranges ?? 1;
        const last = attempt >= ranges;
        if (vehicle.streamed) return { loaded: ONE_RANGE, last };
        return { ...A_MANIFEST, last };
      },
      async loadRange({ key }): Promise<RangeTotals | null> {
        fleet.log.push(`load ${key.vehicleId}`);
        return ONE_RANGE;
      },
      async cleanUp({ vehicleId }) {
        fleet.log.push(`cleanUp ${vehicleId}`);
      },
      async workedMs({ vehicleId }) {
        return Date.now() - (workedSince.get(vehicleId) ?? Date.now());
      },
    },
  };
  return fleet;
}

const ONE_RANGE: RangeTotals = { ranges: 1, rows: 1, inserted: 1, duplicates: 0, quarantined: 0, bytes: 1 };

const A_MANIFEST: ExportManifest = {
  file: '/nowhere',
  compression: 'none',
  fromId: '1',
  watermark: '0',
  toId: '1',
  rows: 1,
  bytes: 1,
  sha256: '0'.repeat(64),
  last: true,
};
