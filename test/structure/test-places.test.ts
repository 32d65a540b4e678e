import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

/** What needs several parts to be seen, or is about none of them, has a folder of its own. */
const WITHOUT_A_SOURCE = /^test\/(e2e|faults|structure|replay|compose|support)\//;

const filesBelow = (folder: string): string[] =>
  readdirSync(join(checkoutDir(), folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(checkoutDir(), posix.join(entry.parentPath, entry.name)));

const sources = filesBelow('src').filter((file) => /\.[tj]s$/.test(file));
const kit = [...filesBelow('test'), ...filesBelow('bench')].filter((file) => /\.(ts|mjs)$/.test(file));
const tests = kit.filter((file) => file.endsWith('.test.ts'));

/**
 * Why a test is not where its source is looked for, or null. `test/pool/permits.test.ts` is about `src/pool/permits.ts`, `test/api/runs/runs.test.ts` about
 * `src/api/runs` or its `runs.controller.ts`; a second file about the same source names its aspect: `import-range.faults.test.ts`.
 */
function stray(file: string): string | null {
  if (WITHOUT_A_SOURCE.test(file)) return null;
  const folder = posix.dirname(file).replace(/^test/, 'src');
  const stem = posix.basename(file, '.test.ts');
  const source = stem.split('.')[0]!;
  const isTheFolder = source === posix.basename(folder) && sources.some((each) => each.startsWith(`${folder}/`));
  if (isTheFolder || sources.some((each) => each.startsWith(`${folder}/${source}.`))) return null;
  return `${file}: there is no ${folder}/${source}.ts. Move it to where its source lies, or to test/e2e or test/faults.`;
}

test('a test lies where its source lies, under its source’s name', () => {
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.map(stray).filter((reason) => reason !== null)).toEqual([]);
});

test.each([
  'test/pool/permit.test.ts',
  'test/permits.test.ts',
  'test/database/permits.test.ts',
  'test/pool/faults.permits.test.ts',
  'test/database/database.test.ts',
  'test/faults.test.ts',
])('%s would be found', (file) => {
  expect(stray(file)).toContain(`${file}: there is no src/`);
});

test.each(['test/pool/permits.test.ts', 'test/pool/permits.faults.test.ts', 'test/pool/pool.test.ts'])(
  '%s would not',
  (file) => {
    expect(stray(file)).toBeNull();
  },
);

/** Relative imports of a file, as paths from the checkout. */
const importsOf = (file: string): string[] =>
  [...readFileSync(join(checkoutDir(), file), 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    ([, path]) => posix.join(posix.dirname(file), path!),
  );

test('tests and benches take nothing from the demo, except its own tests', () => {
  const own = /^test\/demo\//;
  const takers = kit.filter((file) => !own.test(file) && importsOf(file).some((path) => path.startsWith('src/demo/')));
  expect(takers).toEqual([]);
});

test('an emulator is one that the demo shares with tests or benches', () => {
  const importedBy = (files: string[], path: string): boolean => files.some((file) => importsOf(file).includes(path));
  const demo = sources.filter((file) => file.startsWith('src/demo/'));
  const emulators = sources.filter((file) => file.startsWith('src/emulators/'));
  expect(emulators.length).toBeGreaterThan(0);
  expect(emulators.filter((file) => !importedBy(demo, file) || !importedBy(kit, file))).toEqual([]);
});
