import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export interface Fault {
  section: string;
  fault: string;
  /** The test's file, and what to look for in it: a test's name or a part of one. */
  file: string;
  name: string;
}

/** The rows of docs/faults.md. */
export function readFaults(): Fault[] {
  let section = '';
  const faults: Fault[] = [];
  for (const line of readFileSync(join(checkoutDir(), 'docs/faults.md'), 'utf8').split('\n')) {
    section = /^## (.*)/.exec(line)?.[1] ?? section;
    const [, fault, file, name] = /^\| (.*?) +\| .*? +\| `(test\/[^`]+)`: `([^`]+)` +\|$/.exec(line) ?? [];
    if (fault !== undefined) faults.push({ section, fault, file: file!, name: name! });
  }
  return faults;
}
