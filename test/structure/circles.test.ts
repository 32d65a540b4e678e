import { expect, test } from '@jest/globals';
import { type Import, importsOf, productImports } from './source-imports.ts';

type Edges = Map<string, Set<string>>;

function edgesOf(pairs: [from: string, to: string][]): Edges {
  const edges: Edges = new Map();
  for (const [from, to] of pairs) {
    if (from !== to) edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  return edges;
}

/** Everything that can be reached from `start` by at least one step. */
function reachable(edges: Edges, start: string): Set<string> {
  const seen = new Set(edges.get(start));
  for (const each of seen) for (const next of edges.get(each) ?? []) seen.add(next);
  return seen;
}

/** Members of each circle, sorted. */
function circlesIn(edges: Edges): string[][] {
  const reach = new Map([...edges.keys()].map((node) => [node, reachable(edges, node)]));
  const circles = new Map<string, string[]>();
  for (const [node, others] of reach) {
    if (!others.has(node)) continue;
    const members = [...others].filter((other) => reach.get(other)?.has(node)).sort();
    circles.set(members.join(), members);
  }
  return [...circles.values()];
}

const within = (imports: Import[]): [string, string][] =>
  imports.filter(({ to }) => to.startsWith('src/')).map(({ from, to }) => [from, to]);

/** Types count: a reader has to hold both files in mind at once, whatever the compiler leaves of it. */
const fileCircles = (imports: Import[]): string[][] => circlesIn(edgesOf(within(imports)));

/** In each folder, at whatever depth: what lies in it directly, a sub-folder as one thing and each file as another. */
function folderCircles(imports: Import[]): string[][] {
  const pairs: [string, string][] = [];
  for (const [from, to] of within(imports)) {
    const [here, there] = [from.split('/'), to.split('/')];
    let depth = 0;
    while (here[depth] === there[depth] && depth < here.length) depth += 1;
    pairs.push([here.slice(0, depth + 1).join('/'), there.slice(0, depth + 1).join('/')]);
  }
  return circlesIn(edgesOf(pairs));
}

const imports = productImports();

test('no two files need each other, types included', () => {
  expect(imports.length).toBeGreaterThan(1_000);
  expect(fileCircles(imports)).toEqual([]);
});

test('no two folders of one folder need each other', () => {
  expect(folderCircles(imports)).toEqual([]);
});

test.each([
  ['import', `import { a } from './b.ts';`],
  ['import of a type', `import type { A } from './b.ts';`],
  ['type in a list', `import { type A } from './b.ts';`],
  ['type in place', `export const a = (b: import('./b.ts').A) => b;`],
  ['export', `export * from './b.ts';`],
  ['import when it is needed', `export const a = await import('./b.ts');`],
])('a planted circle of files is seen by its %s', (_how, source) => {
  const planted = [
    ...importsOf('src/pool/a.ts', source),
    ...importsOf('src/pool/b.ts', `import { c } from './c.ts';`),
    ...importsOf('src/pool/c.ts', `import type { A } from './a.ts';`),
  ];
  expect(fileCircles([...imports, ...planted])).toContainEqual(['src/pool/a.ts', 'src/pool/b.ts', 'src/pool/c.ts']);
});

test.each([
  ['folders', 'src/api/x/one.ts', '../y/one.ts', 'src/api/y/two.ts', '../x/two.ts', ['src/api/x', 'src/api/y']],
  [
    'folders further down',
    'src/activities/legacy-sync/x/deep/one.ts',
    '../../y/one.ts',
    'src/activities/legacy-sync/y/two.ts',
    '../x/two.ts',
    ['src/activities/legacy-sync/x', 'src/activities/legacy-sync/y'],
  ],
  [
    'a folder and a file',
    'src/stack/x/one.ts',
    '../y.ts',
    'src/stack/y.ts',
    './x/two.ts',
    ['src/stack/x', 'src/stack/y.ts'],
  ],
  ['parts', 'src/x/one.ts', '../y/one.ts', 'src/y/two.ts', '../x/two.ts', ['src/x', 'src/y']],
])('a planted circle of %s is seen, although no files are in one', (_what, first, to, second, back, circle) => {
  const planted = [
    ...importsOf(first, `import type { A } from '${to}';`),
    ...importsOf(second, `import { b } from '${back}';`),
  ];
  expect(fileCircles([...imports, ...planted])).toEqual(fileCircles(imports));
  expect(folderCircles([...imports, ...planted])).toContainEqual(circle);
});
