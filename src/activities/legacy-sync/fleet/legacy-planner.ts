import type { FailureCode } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

/** What planning asks of a legacy host; the SSH side implements it. Ids are decimal strings. */
export interface LegacyPlanner {
  /**
   * Counts the new rows of these vehicles (id > fromId, up to `countCap`), each by an index range, and reads the columns of their
   * tables. Throws a Failure when the host as a whole cannot be asked; what is wrong with one vehicle is in its answer.
   */
  plan(request: LegacyPlanRequest): Promise<LegacyPlan>;
}

export interface LegacyPlanRequest {
  server: LegacyServer;
  vehicles: { vehicle: Vehicle; fromId: string; overlapIds: number }[];
  countCap: number;
  signal: AbortSignal;
}

export interface LegacyPlan {
  vehicles: VehiclePlan[];
  /** As stored in `legacy_tables`: `[{"name", "dataType", "columnType", "nullable"}]` in table order. */
  tables: { table: string; columns: unknown[] }[];
  warnings: string[];
}

export type VehiclePlan =
  | { vehicleId: string; newRows: number; capped: boolean; maxId: string }
  | { vehicleId: string; failure: { code: FailureCode; message: string } };
