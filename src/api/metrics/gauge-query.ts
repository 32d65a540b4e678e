import type { Queryable } from '../../connections/postgres.ts';

/** `value` is the number, every other field a label. */
export interface GaugeRow {
  value: number | string;
  [label: string]: number | string;
}

/** One gauge, whose values come from PostgreSQL's rows, or from another source. */
export interface GaugeQuery<Source = Queryable> {
  name: string;
  help: string;
  labels: string[];
  read(from: Source): Promise<GaugeRow[]>;
}
