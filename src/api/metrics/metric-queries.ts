import { FLEET_GAUGES } from './fleet-gauges.ts';
import type { GaugeQuery } from './gauge-query.ts';
import { GRAPH_GAUGES } from './graph-gauges.ts';

/** All gauges that are read from PostgreSQL. */
export const GAUGES: GaugeQuery[] = [...GRAPH_GAUGES, ...FLEET_GAUGES];
