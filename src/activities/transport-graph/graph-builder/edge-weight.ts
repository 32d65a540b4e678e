/**
 * SQL for the weight of an edge, in minutes. No other file has this rule. Raise BUILDER_VERSION in graph-identity.ts when you change it, so
 * that graphs built by the old rule are built anew.
 */
export const EDGE_WEIGHT = {
  /**
   * An aggregate over the flights of one route: the fastest flight counts. It uses date_part because PostgreSQL refuses to subtract
   * infinite times, and the validation is to name such a route.
   */
  ofFlights: `min(date_part('epoch', arrival_at) - date_part('epoch', departure_at)) / 60`,
  /** The route's own column: the duration that the source gives for a route without flights. */
  withoutFlights: 'duration_minutes::float8',
} as const;
