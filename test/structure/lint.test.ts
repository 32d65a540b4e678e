import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type WorkflowCopy, copyWorkflows } from './workflow-copy.ts';

let copy: WorkflowCopy;
beforeEach(() => {
  copy = copyWorkflows();
});
afterEach(() => copy.remove());

const lint = () => copy.run('oxlint', ['--type-aware', '--deny-warnings', 'src']);
const workflow = (body: string) => `
import { legacyHost } from './retry-profiles.ts';
import type { VehicleSyncKey } from './activities.ts';
export async function spoilt(key: VehicleSyncKey): Promise<void> {
  ${body}
}
`;

test('an activity that is awaited passes', async () => {
  copy.write('src/workflows/legacy-sync/spoilt.ts', workflow('await legacyHost.exportRange(key);'));
  expect(await lint()).toMatchObject({ exitCode: 0 });
});

// The proxy's methods are typed by a mapped type, which is where linters that do not ask the compiler lose track. The workflow would go
// on, and end, without the work.
test.each([
  ['alone', 'legacyHost.exportRange(key);'],
  ['in a loop', '[key].forEach(async (each) => { await legacyHost.exportRange(each); });'],
])('an activity that nobody awaits is caught, %s', async (_where, body) => {
  copy.write('src/workflows/legacy-sync/spoilt.ts', workflow(body));
  const { exitCode, stdout } = await lint();
  expect(exitCode).not.toBe(0);
  expect(stdout).toMatch(/typescript(-eslint)?\((no-floating-promises|no-misused-promises)\)/);
  expect(stdout).toContain('spoilt.ts');
});

test('a workflow that imports Node is caught before it is bundled', async () => {
  copy.write(
    'src/workflows/legacy-sync/spoilt.ts',
    `import { hostname } from 'node:os';\nexport const here = hostname;\n`,
  );
  const { exitCode, stdout } = await lint();
  expect(exitCode).not.toBe(0);
  expect(stdout).toContain('no-restricted-imports');
});
