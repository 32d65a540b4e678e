import { type WorkClaims, workClaims } from './work-claims.ts';

const VEHICLE_ID = '[1-9]\\d{0,18}';
const SLICE_ID = 'slice-\\d{1,18}-\\d{1,9}';
const OF_SLICE = new RegExp(`^${SLICE_ID}$`);

/** What a folder of dumps is named after: the id of a vehicle, or of a slice of a table. */
export const WORK_ID = new RegExp(`^(${VEHICLE_ID}|${SLICE_ID})$`);

export const isSliceId = (workId: string): boolean => OF_SLICE.test(workId);

/** The claims of slices: what is called vehicleId in their keys names the slice. */
export const sliceClaims: WorkClaims = workClaims('table_slices', 'slice_id');
