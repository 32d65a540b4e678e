/** Compose's profile "monitoring": its files fit each other, and Grafana's board asks for what is exported. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test as plainTest, test } from '@jest/globals';
import { parse } from 'yaml';
import { runCommand } from '../../src/stack/run-command.ts';
import { findPromtool } from '../support/promtool.ts';
import { compose, readText, root } from './compose-file.ts';
import { unexported } from './exported-series.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { refId: string; expr: string; datasource: { uid: string } }[];
}
interface Board {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
}

const read = (file: string): unknown => parse(readText(file));
const board = JSON.parse(readText('docker/grafana/boards/fleetgraph.json')) as Board;
const queries = board.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
const service = (name: string) => compose.services[name]!;

const found = await findPromtool();
if ('missing' in found) console.log(`queries and configuration are not read by promtool: ${found.missing}`);
const testWithPromtool = 'missing' in found ? plainTest.skip : plainTest;

test('every panel asks the provisioned Prometheus for series that are exported', () => {
  const sources = read('docker/grafana/provisioning/datasources/prometheus.yml') as {
    datasources: { uid: string; url: string }[];
  };
  const [{ uid, url }] = sources.datasources as [{ uid: string; url: string }];
  expect(url).toBe('http://prometheus:9090');
  expect(queries.length).toBeGreaterThan(20);
  expect(queries.flatMap(({ title, expr }) => unexported(expr).map((name) => `${title}: ${name}`))).toEqual([]);
  const graphs = board.panels.filter(({ type }) => type !== 'row');
  const elsewhere = graphs.flatMap(({ title, datasource, targets = [] }) =>
    [datasource, ...targets.map((target) => target.datasource)].some((each) => each?.uid !== uid) ||
    targets.length === 0
      ? [title]
      : [],
  );
  expect(elsewhere).toEqual([]);
});

test('the board has what Grafana needs of one: ids of their own, and a place for each panel', () => {
  expect(board).toMatchObject({ uid: 'fleetgraph', title: 'fleetgraph', schemaVersion: expect.any(Number) });
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  expect(board.panels.filter(({ type }) => !['row', 'stat', 'timeseries'].includes(type))).toEqual([]);
  const covers = ({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  const overlapping = board.panels.flatMap((panel, n) =>
    board.panels
      .slice(n + 1)
      .filter((other) => covers(panel, other))
      .map((other) => `${panel.title} × ${other.title}`),
  );
  expect(overlapping).toEqual([]);
  expect(board.panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([]);
});

testWithPromtool('promtool reads every query, and the configuration of Prometheus', async () => {
  if ('missing' in found) return;
  const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-board-'));
  try {
    const rules = queries.map(({ expr }, n) => ({ record: `board:query${n}`, expr }));
    const check = (...given: { record: string; expr: string }[]) => {
      writeFileSync(join(folder, 'queries.yml'), JSON.stringify({ groups: [{ name: 'board', rules: given }] }));
      return runCommand(found.program, ['check', 'rules', join(folder, 'queries.yml')]);
    };
    expect(await check(...rules)).toMatchObject({ exitCode: 0 });
    expect(await check({ record: 'board:query', expr: 'sum(fleetgraph_up' })).toMatchObject({ exitCode: 1 });
    const config = join(root, 'docker/prometheus/prometheus.yml');
    expect(await runCommand(found.program, ['check', 'config', '--syntax-only', config])).toMatchObject({
      exitCode: 0,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('Prometheus scrapes what compose runs, at the port where it exports, with the key that compose hands it', () => {
  const config = read('docker/prometheus/prometheus.yml') as {
    rule_files: string[];
    alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
    scrape_configs: {
      job_name: string;
      authorization?: { credentials_file: string };
      static_configs?: { targets: string[] }[];
      dns_sd_configs?: { names: string[]; port: number }[];
    }[];
  };
  const { scrape_configs: jobs } = config;
  const targets = jobs.flatMap(({ job_name, static_configs = [], dns_sd_configs = [] }) => [
    ...static_configs.flatMap((each) => each.targets.map((target) => `${job_name}: ${target}`)),
    ...dns_sd_configs.flatMap(({ names, port }) => names.map((name) => `${job_name}: ${name}:${port}`)),
  ]);
  expect(targets).toEqual(['fleetgraph-api: api:3000', 'fleetgraph-worker: worker:9464', 'temporal: temporal:9090']);
  expect(service('api').environment?.['FLEETGRAPH_API_PORT']).toBe(3000);
  expect(service('worker').environment?.['FLEETGRAPH_WORKER_METRICS_ADDRESS']).toBe('0.0.0.0:9464');
  expect(service('temporal').environment?.['PROMETHEUS_ENDPOINT']).toBe('0.0.0.0:9090');
  expect(jobs[0]!.authorization?.credentials_file).toBe('/run/secrets/prometheus-api-key');
  expect(service('prometheus')).toMatchObject({ secrets: ['prometheus-api-key'], profiles: ['monitoring'] });
  expect(readText('docs/operations.md')).toContain('docker/secrets/prometheus-api-key');
  expect(config.rule_files.filter((file) => !existsSync(join(root, 'docker/prometheus', file)))).toEqual([]);
  expect(config.alerting.alertmanagers[0]!.static_configs[0]!.targets).toEqual(['alertmanager:9093']);
});

test('what Alertmanager holds back is named by rules, and its receiver exists', () => {
  const { route, receivers, inhibit_rules } = read('docker/alertmanager/alertmanager.yml') as {
    route: { receiver: string };
    receivers: { name: string }[];
    inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[];
  };
  expect(receivers.map(({ name }) => name)).toContain(route.receiver);
  const rules = readText('docker/prometheus/rules.yml');
  const named = inhibit_rules.flatMap(({ source_matchers, target_matchers }) =>
    [...source_matchers, ...target_matchers].flatMap((matcher) => /^alertname!?="(\w+)"$/.exec(matcher)?.[1] ?? []),
  );
  expect(named.length).toBeGreaterThanOrEqual(3);
  expect(named.filter((name) => !rules.includes(`- alert: ${name}\n`))).toEqual([]);
});
