import type { Queryable } from '../../connections/postgres.ts';

/** `value` is the number, every other field a label. */
export interface GaugeRow {
  value: number | string;
  [label: string]: number | string;
}

/** One gauge, whose values come from rows. */
export interface GaugeQuery {
  name: string;
  help: string;
  labels: string[];
  read(database: Queryable): Promise<GaugeRow[]>;
}
