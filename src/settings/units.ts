/** What one of each is in the unit that `positions` keeps: km/h. */
export const SPEED_UNITS = { kmh: 1, knots: 1.852, mps: 3.6, mph: 1.609344 } as const;
export type SpeedUnit = keyof typeof SPEED_UNITS;

/** The same in metres. */
export const ALTITUDE_UNITS = { m: 1, ft: 0.3048 } as const;
