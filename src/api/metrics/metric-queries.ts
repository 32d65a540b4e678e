import { FLEET_GAUGES } from './fleet-gauges.ts';
import type { GaugeQuery } from './gauge-query.ts';
import { GRAPH_GAUGES } from './graph-gauges.ts';
import { KPI_GAUGES } from './kpi-gauges.ts';

/** All gauges that are read from PostgreSQL. */
export const GAUGES: GaugeQuery[] = [...GRAPH_GAUGES, ...FLEET_GAUGES, ...KPI_GAUGES];

/** Gauges of the servers behind the API; each has the label `part`. */
export const HEALTH_GAUGES = {
  up: { name: 'fleetgraph_up', help: '1: the part answers.' },
  degraded: {
    name: 'fleetgraph_degraded',
    help: '1: the part answers and something is wrong: Redis may evict the graph.',
  },
} as const;
