/**
 * Replays every recorded history against the workflows of this checkout. Red means: deploying this would wedge runs that are under way
 * (TMPRL1100 nondeterminism). Guard the change with `patched()`, or, where no run can be under way, record again with
 * `npm run record-histories`: from the commit that is deployed, never from the change under test, or the test proves nothing.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';

const HISTORIES = join(import.meta.dirname, 'histories');
const ROOT = join(import.meta.dirname, '../..');
const names = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));
const replay = async (name: string, codeBundle: typeof bundle): Promise<void> => {
  const { workflowId, history } = JSON.parse(readFileSync(join(HISTORIES, name), 'utf8'));
  await Worker.runReplayHistory({ workflowBundle: codeBundle }, history, workflowId);
};
const quiet = new DefaultLogger('ERROR', () => {});

Runtime.install({ logger: quiet });
const bundle = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'src/workflows/index.ts'), logger: quiet });

test('there are histories of every workflow', () => {
  const recorded = names.map((name) => name.replace(/-[a-z]+\.json$/, '').replace('-timed', ''));
  expect([...new Set(recorded)].toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    'customStage',
    'fleet-sync',
    'graphBuilder',
    'odataSync',
    'reconcile-fleet',
    'remove-extra-positions',
    'repair-reconciled',
    'rollout',
    'scheduled-pipeline',
    'server-check',
    'server-inspection',
    'transport-graph-pipeline',
    'vehicle-discovery',
    'vehicle-sync',
    'virtualEntities',
    'worker-slot',
  ]);
});

describe('replays', () => {
  test.each(names)('%s', async (name) => {
    await replay(name, bundle);
  });
});

test.each([
  [
    'vehicle-sync',
    'legacy-sync/vehicle-sync.ts',
    'const exported = await',
    'await cleaning.cleanUp(key);\n    const exported = await',
  ],
  [
    'odataSync',
    'transport-graph/run-stage.ts',
    'const outcome = await',
    'await records.readStages();\n    const outcome = await',
  ],
])('a %s that was changed without a patch is refused', async (workflow, path, before, after) => {
  // Inside the checkout, so that the changed copy finds its packages.
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  const copy = await mkdtemp(join(ROOT, 'dist/changed-workflows-'));
  try {
    await cp(join(ROOT, 'src/workflows'), copy, { recursive: true });
    const file = join(copy, path);
    const source = await readFile(file, 'utf8');
    const changed = source.replace(before, after);
    expect(changed).not.toBe(source);
    await writeFile(file, changed);
    const changedBundle = await bundleWorkflowCode({ workflowsPath: join(copy, 'index.ts'), logger: quiet });
    const [history] = names.filter((name) => name.startsWith(workflow));
    await expect(replay(history!, changedBundle)).rejects.toThrow(/[Nn]ondeterminism/);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});
