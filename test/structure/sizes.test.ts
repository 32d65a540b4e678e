import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

/** Lines, comments and blank ones included: that is what somebody has to read. */
const LIMITS = { functionP95: 40, functionMax: 70, fileP95: 250, fileMax: 400 };

interface Measured {
  where: string;
  lines: number;
}

const FUNCTION =
  /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|ClassMethod|PrivateMethod|MethodProperty|Constructor)$/;

function functionsOf(file: string, source: string): Measured[] {
  // Spans are byte offsets that go on from one parsed source to the next; a first statement of our own says where this one begins.
  const text = `0;${source.replace(/^#!/, '//')}`;
  const bytes = Buffer.from(text);
  const parsed = parseSync(text, { syntax: 'typescript', decorators: true });
  const begin = parsed.span.start;
  const lineAt = (offset: number): number =>
    bytes
      .subarray(0, offset - begin)
      .toString()
      .split('\n').length;
  const found: Measured[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { type, span } = value as { type?: string; span?: { start: number; end: number } };
    if (span !== undefined && FUNCTION.test(type ?? '')) {
      const first = lineAt(span.start);
      found.push({ where: `${file}:${first}`, lines: lineAt(span.end) - first + 1 });
    }
    for (const child of Object.values(value)) visit(child);
  };
  visit(parsed);
  return found;
}

const p95 = (measured: Measured[]): number =>
  measured.map(({ lines }) => lines).toSorted((a, b) => a - b)[Math.floor(measured.length * 0.95)]!;
const above = (measured: Measured[], most: number): string[] =>
  measured.filter(({ lines }) => lines > most).map(({ where, lines }) => `${where} has ${lines} lines`);

const sources = readdirSync(join(checkoutDir(), 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|js)$/.test(name))
  .map((name) => ({ file: `src/${name}`, source: readFileSync(join(checkoutDir(), 'src', name), 'utf8') }));
const files = sources.map(({ file, source }) => ({ where: file, lines: source.split('\n').length - 1 }));
const functions = sources.flatMap(({ file, source }) => functionsOf(file, source));

test('functions can be read at one look', () => {
  expect(functions.length).toBeGreaterThan(1_000);
  expect(above(functions, LIMITS.functionMax)).toEqual([]);
  expect(p95(functions)).toBeLessThanOrEqual(LIMITS.functionP95);
});

test('files can be read at one go', () => {
  expect(above(files, LIMITS.fileMax)).toEqual([]);
  expect(p95(files)).toBeLessThanOrEqual(LIMITS.fileP95);
});

test.each([
  ['function', (body: string) => `export function long() {\n${body}}\n`],
  ['arrow function', (body: string) => `/** é */\nexport const long = () => {\n${body}};\n`],
  ['method', (body: string) => `export class A {\n  #a = 1;\n  long() {\n${body}  }\n}\n`],
  ['private method', (body: string) => `export class A {\n  #long() {\n${body}  }\n}\n`],
])('a planted %s that is long by its comments is seen', (_what, source) => {
  const [comments, fewer] = ['  // why\n'.repeat(69), '  // why\n'.repeat(68)];
  expect(above(functionsOf('planted.ts', source(comments)), LIMITS.functionMax)).toEqual([
    expect.stringContaining('has 71 lines'),
  ]);
  expect(above(functionsOf('planted.ts', source(fewer)), LIMITS.functionMax)).toEqual([]);
});
