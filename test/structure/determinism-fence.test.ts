import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type WorkflowCopy, copyWorkflows } from './workflow-copy.ts';

// Workflow code is run again from its history: what it reads of the world must come through Temporal. Two fences hold that, the
// compiler's (no Node types, no DOM) and the bundler's; each is shown to let the real workflows pass and to stop one bad file.
let copy: WorkflowCopy;
beforeEach(() => {
  copy = copyWorkflows();
});
afterEach(() => copy.remove());

const typeCheck = () => copy.run('tsc', ['-p', 'src/workflows', '--noEmit']);

test('the workflows type-check without Node and without a DOM', async () => {
  expect(await typeCheck()).toMatchObject({ exitCode: 0, stdout: '' });
});

test('a workflow that reaches for the world does not type-check, whatever it reaches for', async () => {
  const reaches = {
    process: `export const env = process.env;`,
    fetch: `export const page = () => fetch('https://example.org');`,
    setTimeout: `export const later = () => setTimeout(() => {}, 1);`,
    'node:fs': `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;`,
    Buffer: `export const bytes = Buffer.from('x');`,
    console: `export const say = () => console.log('x');`,
    crypto: `export const id = () => crypto.randomUUID();`,
  };
  const names = Object.keys(reaches);
  Object.values(reaches).forEach((source, index) => copy.write(`src/workflows/legacy-sync/bad-${index}.ts`, source));
  const { exitCode, stdout } = await typeCheck();
  expect(exitCode).not.toBe(0);
  const errors = [...stdout.matchAll(/legacy-sync\/bad-(\d)\.ts.* error TS\d+: .*?'([^']+)'/g)];
  expect(errors.map(([, index, name]) => [names[Number(index)], name])).toEqual(names.map((name) => [name, name]));
  expect(stdout.match(/error TS/g)).toHaveLength(names.length);
});

const bundle = () =>
  copy.node(`
    import { bundleWorkflowCode } from '@temporalio/worker';
    import { join } from 'node:path';
    const quiet = { trace() {}, debug() {}, info() {}, log() {}, warn() {}, error: console.error };
    const workflowsPath = join(import.meta.dirname, 'src/workflows/index.ts');
    const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet });
    if (!code.includes('fleetSync')) throw new Error('fleetSync is not in the bundle');
  `);

test('the bundler takes the workflows and refuses one that reaches for the file system', async () => {
  expect(await bundle()).toMatchObject({ exitCode: 0 });
  copy.write(
    'src/workflows/index.ts',
    `import { readFileSync } from 'node:fs';\nexport const fleetSync = async () => readFileSync('/etc/hostname');`,
  );
  const { exitCode, stderr } = await bundle();
  expect(exitCode).not.toBe(0);
  expect(stderr).toMatch(/node:fs/);
});
