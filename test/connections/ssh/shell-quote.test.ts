import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { shellQuote } from '../../../src/connections/ssh/shell-quote.ts';

const argument = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...Array.from(`'"$\`\\;&|<>()*?[]{}~#! \t%=-a`)) }),
  )
  .filter((value) => !/[\0\n]/.test(value) && Buffer.from(value).toString() === value);

describe.each(['dash', 'bash'])('under %s', (shell) => {
  test('a quoted argument is read back as it was, whatever it holds', () => {
    fc.assert(
      // Many arguments per shell: a process each would be the whole time of the test.
      fc.property(fc.array(argument, { minLength: 20, maxLength: 60 }), (values) => {
        const script = `printf '%s\\0' ${values.map(shellQuote).join(' ')}`;
        const { stdout, stderr } = spawnSync(shell, ['-c', script], {
          // bash reads ~/.bashrc when its stdin is a socket.
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
        });
        expect(stderr.toString()).toBe('');
        expect(stdout.toString().split('\0').slice(0, -1)).toEqual(values);
      }),
      { numRuns: 60 },
    );
  });
});

test('what cannot be an argument is refused', () => {
  expect(() => shellQuote('a\nb')).toThrow(TypeError);
  expect(() => shellQuote('a\0b')).toThrow(TypeError);
});

test('an empty argument stays an argument', () => {
  expect(shellQuote('')).toBe("''");
});
