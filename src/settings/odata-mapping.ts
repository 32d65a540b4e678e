import { z } from 'zod';

/** A property of the source's entity; `Город/Description` is a property of an entity it refers to. */
const property = z
  .string()
  .regex(/^[\p{L}_][\p{L}\p{N}_]{0,127}(\/[\p{L}_][\p{L}\p{N}_]{0,127})?$/u, 'is no OData property name');
/** Several properties together: their values are joined by `|`. */
const key = z.union([property, z.array(property).min(1).max(8)]);

const sourceSet = <T extends z.ZodRawShape>(fields: T) =>
  z.strictObject({
    /** Name of the entity set, as in the source's service document. */
    set: z.string().regex(/^[\p{L}_][\p{L}\p{N}_.]{0,255}$/u, 'is no OData entity set name'),
    fields: z.strictObject({ id: key, ...fields }),
    /** Rows that have this value are left out; 1C's deleted, folder and unposted rows always are. */
    ignoreWhen: z.record(property, z.union([z.string(), z.number(), z.boolean()])).default({}),
    /** `$filter`, in the source's own dialect. */
    filter: z.string().min(1).max(2_000).optional(),
    /** Ask only for the properties named here (`$select`). */
    select: z.boolean().default(false),
  });

/** Which sets and properties of the source feed stops, routes and flights. docs/odata-mapping.md explains each with examples. */
export const odataMappingSchema = z.strictObject({
  stops: sourceSet({
    name: property,
    cityName: property.optional(),
    latitude: property.optional(),
    longitude: property.optional(),
  }),
  routes: sourceSet({
    name: property,
    fromStopId: key,
    toStopId: key,
    transportType: property.optional(),
    durationMinutes: property.optional(),
    distanceKm: property.optional(),
    fareRub: property.optional(),
  }),
  flights: sourceSet({
    routeId: key,
    /** Left out: those of the route. */
    fromStopId: key.optional(),
    toStopId: key.optional(),
    departureAt: property,
    arrivalAt: property,
    availableSeats: property.optional(),
  }).extend({
    /**
     * What V2's `/Date(ms)/` without an offset is: `clock`, milliseconds of the source's wall clock as if it were UTC (Edm.DateTime);
     * `instant`, milliseconds of UTC (Edm.DateTimeOffset); or what the source's `$metadata` says.
     */
    jsonDates: z.enum(['metadata', 'clock', 'instant']).default('metadata'),
  }),
});

export type OdataMapping = z.output<typeof odataMappingSchema>;
export type SourceSet = OdataMapping['stops'] | OdataMapping['routes'] | OdataMapping['flights'];

export const DEFAULT_ODATA_MAPPING: OdataMapping = odataMappingSchema.parse({
  stops: {
    set: 'Stops',
    fields: { id: 'Id', name: 'Name', cityName: 'CityName', latitude: 'Latitude', longitude: 'Longitude' },
  },
  routes: {
    set: 'Routes',
    fields: {
      id: 'Id',
      name: 'Name',
      fromStopId: 'FromStopId',
      toStopId: 'ToStopId',
      transportType: 'TransportType',
      durationMinutes: 'DurationMinutes',
      distanceKm: 'DistanceKm',
      fareRub: 'FareRub',
    },
  },
  flights: {
    set: 'Flights',
    fields: {
      id: 'Id',
      routeId: 'RouteId',
      fromStopId: 'FromStopId',
      toStopId: 'ToStopId',
      departureAt: 'DepartureAt',
      arrivalAt: 'ArrivalAt',
      availableSeats: 'AvailableSeats',
    },
  },
});

/** Every property that a set's mapping names. */
export const propertiesOf = ({ fields }: Pick<SourceSet, 'fields'>): string[] =>
  Object.values<string | string[] | undefined>(fields)
    .flat()
    .filter((name) => name !== undefined);

/** Checks a mapping written as JSON. Throws a ZodError, or a SyntaxError when it is no JSON. */
export const parseOdataMapping = (json: string): OdataMapping => odataMappingSchema.parse(JSON.parse(json));

/** What the setting may hold: nothing (the default mapping), `file:/…`, or the mapping itself. */
export function isMappingSetting(text: string): boolean {
  if (text === '' || /^file:\/.+/.test(text)) return true;
  try {
    parseOdataMapping(text);
    return true;
  } catch {
    return false;
  }
}
