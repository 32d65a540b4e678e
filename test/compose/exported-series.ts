import { GAUGES, HEALTH_GAUGES } from '../../src/api/metrics/metric-queries.ts';
import { TEMPORAL_GAUGES } from '../../src/api/metrics/temporal-gauges.ts';
import { DISK_GAUGES } from '../../src/workers/disk-gauges.ts';
import { PROCESS_GAUGES } from '../../src/workers/process-gauges.ts';

/** What a worker exports: the SDK of Temporal its own, we the disk, memory and CPU. */
export const OF_A_WORKER: readonly (readonly [name: string, labels: readonly string[]])[] = [
  ['temporal_num_pollers', ['namespace', 'poller_type', 'task_queue']],
  ['temporal_worker_task_slots_used', ['namespace', 'worker_type', 'task_queue']],
  ...Object.values(DISK_GAUGES).map(({ name }) => [name, ['volume']] as const),
  ...Object.values(PROCESS_GAUGES).map(({ name }) => [name, []] as const),
];

/** What a scrape of the API and the workers has, by name, with the labels that Prometheus' own (`job`, `instance`) stand beside. */
export const EXPORTED = new Map<string, readonly string[]>([
  ...[...GAUGES, ...TEMPORAL_GAUGES].map(({ name, labels }) => [name, labels] as const),
  ...Object.values(HEALTH_GAUGES).map(({ name }) => [name, ['part']] as const),
  ...OF_A_WORKER,
  ['fleetgraph_http_request_duration_seconds_bucket', ['method', 'route', 'status', 'le']],
  ['fleetgraph_http_request_duration_seconds_count', ['method', 'route', 'status']],
  // Prometheus, of each target.
  ['up', []],
]);

const PROMETHEUS_OWN = ['job', 'instance'];

/** Series and labels in a text of PromQL that nobody exports, as `name` and `name{label}`. Names stand before `{`, `[`, an operator or the end. */
export function unexported(promql: string): string[] {
  const bare = promql.replaceAll(/"[^"]*"/g, '""');
  return [
    ...bare.matchAll(/\b((?:fleetgraph|temporal|process|nodejs)_[a-z0-9_]+|up(?=\b *[{=<>]|$))(\{[^}]*\})?/g),
  ].flatMap(([, name = '', matchers = '']) => {
    const labels = EXPORTED.get(name);
    if (labels === undefined) return [name];
    return [...matchers.matchAll(/([a-z_]+) *[=!]/g)]
      .map(([, label = '']) => label)
      .filter((label) => ![...labels, ...PROMETHEUS_OWN].includes(label))
      .map((label) => `${name}{${label}}`);
  });
}

/** Series and labels of a scraped page that EXPORTED lacks; names of other programs than ours are not looked at. */
export function unlisted(page: string): string[] {
  const samples = page.matchAll(/^(fleetgraph_[a-z0-9_]+)(?:\{(.*)\})? \S+$/gm);
  const found = [...samples].flatMap(([, name = '', labels = '']) => {
    const listed = EXPORTED.get(name);
    if (listed === undefined) return /_(sum|created)$/.test(name) ? [] : [name];
    const names = [...labels.matchAll(/([a-z_]+)="/g)].map(([, label = '']) => label);
    return names.filter((label) => !listed.includes(label)).map((label) => `${name}{${label}}`);
  });
  return [...new Set(found)];
}
