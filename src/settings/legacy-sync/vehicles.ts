import { z } from 'zod';
import { setting } from './setting-kinds.ts';

/** Which vehicles there are. */
export const VEHICLE_SETTINGS = {
  autoAddVehicles: setting(
    'vehicles.auto_add',
    z.boolean(),
    false,
    'true: a run of all vehicles first adds those that a legacy server has rows of and that are not known yet, each with a row in the audit log.',
  ),
} as const;
