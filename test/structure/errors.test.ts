import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FAILURES, type FailureCode } from '../../src/errors.ts';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

const page = readFileSync(join(checkoutDir(), 'docs/errors.md'), 'utf8');
const sections = page
  .split(/^### /m)
  .slice(1)
  .map((section) => {
    const [code = '', ...rest] = section.split('\n');
    return { code, text: rest.join('\n').split(/^## /m)[0]!.trim() };
  });

test('docs/errors.md has a section for every failure, in the order of errors.ts, and for nothing else', () => {
  expect(sections.map(({ code }) => code)).toEqual(Object.keys(FAILURES));
});

test('every section says, as the code has it, whether it is retried and whom it counts against', () => {
  const wrong = sections.filter(({ code, text }) => {
    const { retry, infrastructure } = FAILURES[code as FailureCode];
    const line = `_${retry ? 'Retried' : 'Not retried'}${infrastructure ? '; counts against the legacy server' : ''}._`;
    return !text.startsWith(line);
  });
  expect(wrong.map(({ code }) => code)).toEqual([]);
});

test('every section tells more than its name', () => {
  expect(sections.filter(({ text }) => text.length < 120).map(({ code }) => code)).toEqual([]);
});
