import type { FailureCode } from '../../../errors.ts';
import type { LegacyTable, TableSpan } from '../../../records/legacy-tables.ts';
import type { SeenWindow } from '../../../records/synced-vehicles.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';

/** What planning asks of a legacy host; the SSH side implements it. Ids are decimal strings. */
export interface LegacyPlanner {
  /**
   * Counts the new rows of these vehicles (id > fromId, up to `countCap`), each by an index range, and reads the columns of their
   * tables. It also compares the rows below the watermark with those that the last import saw there. Throws a Failure when the host cannot
   * be asked at all; what is wrong with one vehicle is in that vehicle's answer.
   */
  plan(request: LegacyPlanRequest): Promise<LegacyPlan>;
}

export interface LegacyPlanRequest {
  server: LegacyServer;
  vehicles: { vehicle: Vehicle; fromId: string; seen: SeenWindow | null }[];
  countCap: number;
  signal: AbortSignal;
}

export interface LegacyPlan {
  vehicles: VehiclePlan[];
  tables: LegacyTable[];
  /** Where the rows of a table lie, for tables whose id an index leads to. */
  spans?: Map<string, TableSpan>;
  warnings: string[];
}

export type VehiclePlan =
  /** `rereadRows`: the rows in the window that was seen, when they are not those that were seen; else 0. */
  | { vehicleId: string; newRows: number; rereadRows: number; capped: boolean; maxId: string }
  | { vehicleId: string; failure: { code: FailureCode; message: string } };
