import type { FailureCode } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

/** What planning asks of a legacy host; the SSH side implements it. Ids are decimal strings. */
export interface LegacyPlanner {
  /**
   * Counts the new rows of these vehicles (id > fromId, up to `countCap`), each by an index range, and reads the columns of their
   * tables. It also looks whether the rows that the last import saw below the watermark are still those. Throws a Failure when the host as a whole cannot be asked; what is wrong with one vehicle is in its answer.
   */
  plan(request: LegacyPlanRequest): Promise<LegacyPlan>;
}

/** What the last import saw: `rows` rows with fromId < id <= toId, the vehicle's watermark. */
export interface SeenWindow {
  fromId: string;
  toId: string;
  rows: number;
  /** Over their ids, see dump/id-sum.ts; null where one of them could not be read. */
  idSum: number | null;
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
  /** `rereadRows`: the rows that are in the window that was seen, where they are not those that were seen; else 0. */
  | { vehicleId: string; newRows: number; rereadRows: number; capped: boolean; maxId: string }
  | { vehicleId: string; failure: { code: FailureCode; message: string } };
