import { z } from 'zod';
import { count, text } from '../setting-kinds.ts';
import { setting } from './setting-kinds.ts';

const clockTimes = z
  .string()
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9](,([01][0-9]|2[0-3]):[0-5][0-9])*$/)
  .refine((value) => new Set(value.split(',')).size === value.split(',').length)
  .meta({ description: 'times of day as `HH:MM`, separated by commas, none twice' });

/** What is made up for cities that the source does not serve. */
export const VIRTUAL_ENTITY_SETTINGS = {
  citiesFile: setting(
    'virtual.cities_file',
    z
      .string()
      .regex(/^(\/.+)?$/)
      .meta({ description: 'an absolute path, or empty' }),
    '',
    'A cities directory of your own on the worker; empty: the one that comes along.',
  ),
  strategy: setting(
    'virtual.strategy',
    z.enum(['hub', 'direct']),
    'hub',
    'hub: every city to the hub and back; direct: every city to every other.',
  ),
  hubCity: setting('virtual.hub_city', text.min(1), 'Якутск', 'Name of the hub in the cities directory.'),
  maxVirtualRoutes: setting(
    'virtual.max_routes',
    count,
    500,
    'Virtual routes at most. Direct connections above it become a sparser mesh; where the fewest that connect all cities are more, the stage fails.',
  ),
  speedKmh: setting('virtual.speed_kmh', z.number().positive().max(1_000), 60, 'Speed on virtual routes.'),
  fareRub: setting('virtual.fare_rub', z.number().min(0).max(1_000_000), 1_000, 'Fare of a virtual route.'),
  transportType: setting('virtual.transport_type', text.min(1), 'BUS', 'Transport type of virtual routes.'),
  departures: setting(
    'virtual.departures',
    clockTimes,
    '08:00,16:00',
    'Departures of each day, in the departure city’s time.',
  ),
  seats: setting('virtual.seats', z.number().int().min(0).max(10_000), 50, 'Seats of a virtual flight.'),
  horizonDays: setting('virtual.horizon_days', count.max(3_660), 365, 'Days ahead for which virtual flights exist.'),
} as const;
