import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseSync } from '@swc/core';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export interface Import {
  from: string;
  /** A file of ours, or a package's name as written. */
  to: string;
  typeOnly: boolean;
}

interface Node {
  type: string;
  source?: { value: string } | null;
  typeOnly?: boolean;
  specifiers?: { isTypeOnly?: boolean }[];
  callee?: { type: string };
  arguments?: { expression: { type: string; value?: string } }[];
  argument?: { type: string; value?: string };
}

/** Everything that a source imports, by whatever form of words; `from` is the file it stands in. */
export function importsOf(from: string, source: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) =>
    found.push({ from, to: specifier.startsWith('.') ? join(from, '..', specifier) : specifier, typeOnly });
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    if (/^(Import|Export(Named|All)?)(Declaration)$/.test(node.type ?? '') && node.source) {
      const specifiers = node.specifiers ?? [];
      const onlyTypes = specifiers.length > 0 && specifiers.every(({ isTypeOnly }) => isTypeOnly);
      add(node.source.value, (node.typeOnly ?? false) || onlyTypes);
    }
    const [argument] = node.type === 'CallExpression' && node.callee?.type === 'Import' ? (node.arguments ?? []) : [];
    if (argument?.expression.value !== undefined) add(argument.expression.value, false);
    if (node.type === 'TsImportType' && node.argument?.value !== undefined) add(node.argument.value, true);
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(source, { syntax: 'typescript', decorators: true }));
  return found;
}

/** Every import of the product. */
export function productImports(): Import[] {
  const root = checkoutDir();
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => relative(root, join(root, 'src', name)))
    .flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));
}
