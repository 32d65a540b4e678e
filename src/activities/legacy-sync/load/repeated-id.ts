import { Failure } from '../../../errors.ts';

/** Nothing of a range is kept in which two rows have one id: dropping either would lose it, and nobody would hear of it. */
export const idNotUnique = (vehicleId: string, id: string): Failure =>
  new Failure(
    'IdNotUnique',
    `Importing positions of vehicle ${vehicleId}: two rows have id ${id} and are not the same row. Nothing was imported, because one of them would be ` +
      'dropped as a duplicate. Map a column as id that is unique for the vehicle, or {"time", "columns"} with those that tell its rows apart.',
  );
