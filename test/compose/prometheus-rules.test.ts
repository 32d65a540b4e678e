/** docker/prometheus/rules.yml by promtool: each rule fires on its series and is quiet on another; and the rules, the docs and /metrics agree. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test as plainTest, test } from '@jest/globals';
import { parse } from 'yaml';
import { runCommand } from '../../src/stack/run-command.ts';
import { findPromtool } from '../support/promtool.ts';
import { readText, root } from './compose-file.ts';
import { EXPORTED, unexported } from './exported-series.ts';
import { MORE_CASES, RULE_CASES } from './prometheus-cases.ts';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}

const FILE = 'docker/prometheus/rules.yml';
const { groups } = parse(readText(FILE)) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap(({ rules }) => rules);
const names = rules.map(({ alert }) => alert);

const found = await findPromtool();
if ('missing' in found) console.log(`the rules of Prometheus are not run: ${found.missing}`);
const testWithPromtool = 'missing' in found ? plainTest.skip : plainTest;
const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-rules-'));
copyFileSync(join(root, FILE), join(folder, 'rules.yml'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function promtool(...args: string[]): Promise<{ exitCode: number; said: string }> {
  if ('missing' in found) throw new Error(found.missing);
  const { exitCode, stdout, stderr } = await runCommand(found.program, args, { cwd: folder });
  return { exitCode, said: stdout + stderr };
}

/** One case as promtool wants it. */
const caseOf = (
  alertname: string,
  { series, at }: { series: Record<string, string>; at: string },
  expected: { labels: Record<string, string>; summary: string } | null,
) => {
  const { severity = '' } = rules.find(({ alert }) => alert === alertname)?.labels ?? {};
  const { runbook = '' } = rules.find(({ alert }) => alert === alertname)?.annotations ?? {};
  const alerts =
    expected === null
      ? []
      : [
          {
            exp_labels: { severity, ...expected.labels },
            exp_annotations: { summary: expected.summary, runbook },
          },
        ];
  return {
    name: `${alertname} ${expected === null ? 'is quiet' : 'fires'}`,
    interval: '1m',
    input_series: Object.entries(series).map(([of, values]) => ({ series: of, values })),
    alert_rule_test: [{ eval_time: at, alertname, exp_alerts: alerts }],
  };
};

const CASES = [
  ...Object.entries(RULE_CASES).flatMap(([rule, { fires, quiet, labels, summary }]) => [
    caseOf(rule, fires, { labels, summary }),
    caseOf(rule, quiet, null),
  ]),
  ...MORE_CASES.map(([rule, fires, labels, summary]) => caseOf(rule, fires, { labels, summary })),
];

async function run(cases: typeof CASES): Promise<{ exitCode: number; said: string }> {
  // JSON is YAML, too.
  writeFileSync(
    join(folder, 'cases.yml'),
    JSON.stringify({ rule_files: ['rules.yml'], evaluation_interval: '1m', tests: cases }),
  );
  return promtool('test', 'rules', 'cases.yml');
}

testWithPromtool('every rule fires on its series and is quiet on another', async () => {
  expect(await promtool('check', 'rules', 'rules.yml')).toMatchObject({ exitCode: 0 });
  expect(await run(CASES)).toMatchObject({ exitCode: 0, said: expect.stringContaining('SUCCESS') });
  // promtool says so where a rule is quiet that should fire.
  const { exitCode, said } = await run([
    caseOf('FleetgraphWorkflowWedged', RULE_CASES['FleetgraphWorkflowWedged']!.quiet, { labels: {}, summary: '' }),
  ]);
  expect({ exitCode, failed: said.includes('FAILED') }).toEqual({ exitCode: 1, failed: true });
});

test('every rule has a firing and a quiet series, and no case is of a rule that is gone', () => {
  expect(new Set(Object.keys(RULE_CASES))).toEqual(new Set(names));
  expect(new Set(names).size).toBe(names.length);
});

test('every rule names its entry in docs/operations.md, and every entry has its rule', () => {
  const entries = [...readText('docs/operations.md').matchAll(/^### Rule: (\w+)$/gm)].map(([, name]) => name);
  expect(new Set(entries)).toEqual(new Set(names));
  const astray = rules.filter(
    ({ alert, annotations }) => annotations.runbook !== `docs/operations.md#rule-${alert.toLowerCase()}`,
  );
  expect(astray.map(({ alert }) => alert)).toEqual([]);
});

test('rules and their cases use series and labels that are exported', () => {
  expect(EXPORTED.size).toBeGreaterThan(30);
  expect(rules.flatMap(({ alert, expr }) => unexported(expr).map((name) => `${alert}: ${name}`))).toEqual([]);
  const series = CASES.flatMap(({ input_series }) => input_series.map((each) => each.series));
  expect(series.filter((each) => each !== 'unrelated').flatMap(unexported)).toEqual([]);
  expect(unexported('sum(fleetgraph_gone{a="b"}) + fleetgraph_up{parts="x",job="y"} > up{job="z"}')).toEqual([
    'fleetgraph_gone',
    'fleetgraph_up{parts}',
  ]);
});
