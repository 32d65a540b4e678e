import { Failure } from '../../../errors.ts';
import { keyColumn } from '../../../settings/column-mapping.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { OtherRow } from './check-marks.ts';
import { databaseFailure } from './legacy-database-failure.ts';
import type { MysqlAccess, StatementResults } from './run-statements.ts';

export function countFailed(results: StatementResults, { server }: MysqlAccess, vehicle: Vehicle) {
  const error = results.failed.find(({ about }) => about.vehicleId === vehicle.id)?.error ?? 0;
  const doing = `Counting new rows of vehicle ${vehicle.id} in ${server.id}.${server.database}.${vehicle.table}`;
  return databaseFailure(doing, error);
}

/** A BIGINT UNSIGNED goes on where PostgreSQL's bigint, and with it every watermark, ends. */
export const HIGHEST_ID = 2n ** 63n - 1n;

export function idTooLarge({ server }: MysqlAccess, vehicle: Vehicle, maxId: string) {
  return new Failure(
    'SchemaDrift',
    `Planning vehicle ${vehicle.id}: it has a row with ${keyColumn(server.columns)} ${maxId} in ${server.id}.${server.database}.${vehicle.table}, and ids up to ${HIGHEST_ID} can be followed. Nothing of the vehicle is synced. Give that row another id there, or remove it.`,
  );
}

export function filledAgain(
  { server }: MysqlAccess,
  vehicle: Vehicle,
  { other, fromId }: { other: OtherRow; fromId: string },
) {
  const shown = (seconds: number | null): string =>
    seconds === null ? 'no time' : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  return new Failure(
    'SourceReset',
    `Planning vehicle ${vehicle.id}: the row with id ${other.id} in ${server.id}.${server.database}.${vehicle.table} has the time ${shown(other.now)}, and had ${shown(other.before)} when it came. The table was emptied and filled again past our watermark ${fromId}, restored or renumbered, or its time is mapped otherwise now: rows up to the watermark would never come. Nothing is synced until an operator has looked. A sync of this vehicle in mode full reads all rows that are there now: those with other times come in beside what came before, and deltas go on from there.`,
  );
}

export function sourceReset(
  { server }: MysqlAccess,
  vehicle: Vehicle,
  { highest, fromId }: { highest: string; fromId: string },
) {
  if (BigInt(highest) < 1n && fromId === '1')
    return new Failure(
      'SourceReset',
      `Planning vehicle ${vehicle.id}: the highest ${keyColumn(server.columns)} in ${server.id}.${server.database}.${vehicle.table} is ${highest}. Rows with ids of 0 and below came with the first sync, and no watermark tells which have come since. ` +
        `Nothing is synced. Map as id of ${server.id} {"time", "columns"}, or sync this vehicle in mode full each time, which reads all its rows and adds those that are not there.`,
    );
  return new Failure(
    'SourceReset',
    `Planning vehicle ${vehicle.id}: the highest id in ${server.id}.${server.database}.${vehicle.table} is ${highest}, below our watermark ${fromId}. The table was emptied, restored or renumbered, or this is a replica that lags. Nothing is synced until an operator has looked: if the ids really began anew, set the vehicle's watermark.`,
  );
}
