import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

/** What opens a way to Temporal. Made elsewhere, it would know neither temporal.toml nor the keys, and write in the clear. */
const MAKERS = ['Client', 'Connection', 'NativeConnection', 'Worker'];
/** The private servers are asked whether they are up, before anything of ours runs. */
const ALLOWED = /^(connections\/temporal(-worker)?|stack\/servers\/temporal)\.ts$/;

function makersIn(source: string): string[] {
  const imports = source.matchAll(/import \{([^}]*)\} from '@temporalio\/(?:client|worker)'/g);
  const names = [...imports].flatMap(([, list]) => list!.split(',').map((name) => name.trim()));
  return names.filter((name) => MAKERS.includes(name));
}

test('clients and workers are made in src/connections only', () => {
  const files = readdirSync(join(checkoutDir(), 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const makers = files.filter((name) => makersIn(readFileSync(join(checkoutDir(), 'src', name), 'utf8')).length > 0);
  expect(makers).toContain('connections/temporal.ts');
  expect(makers.filter((name) => !ALLOWED.test(name))).toEqual([]);
});

test.each([
  [`import { Client, Connection } from '@temporalio/client';`, ['Client', 'Connection']],
  [`import {\n  ApplicationFailure,\n  Worker,\n} from '@temporalio/worker';`, ['Worker']],
  [`import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';`, []],
  [`import type { Worker } from '@temporalio/worker';`, []],
])('%s', (source, found) => {
  expect(makersIn(source)).toEqual(found);
});
