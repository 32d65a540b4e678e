import type { FailureCode } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

/** What planning asks of a legacy host; the SSH side implements it. Ids are decimal strings. */
export interface LegacyPlanner {
  /**
   * Counts the new rows of these vehicles (id > fromId, up to `countCap`), each by an index range, and reads the columns of their
   * tables. Where nothing is new it also looks for rows that committed late below the watermark. Throws a Failure when the host as a whole cannot be asked; what is wrong with one vehicle is in its answer.
   */
  plan(request: LegacyPlanRequest): Promise<LegacyPlan>;
}

/** What the last import saw: `rows` rows with fromId < id <= toId, the vehicle's watermark. */
export interface SeenWindow {
  fromId: string;
  toId: string;
  rows: number;
}

export interface LegacyPlanRequest {
  server: LegacyServer;
  vehicles: { vehicle: Vehicle; fromId: string; seen: SeenWindow | null }[];
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
  /** `lateRows`: how many more rows the window that was seen has now. */
  | { vehicleId: string; newRows: number; lateRows: number; capped: boolean; maxId: string }
  | { vehicleId: string; failure: { code: FailureCode; message: string } };
