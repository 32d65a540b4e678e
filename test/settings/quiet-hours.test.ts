import { expect, test } from '@jest/globals';
import { isQuiet, isQuietHours } from '../../src/settings/quiet-hours.ts';

test.each([
  ['07:00-09:00 Europe/Belgrade', '2025-01-15T06:00:00Z', true],
  ['07:00-09:00 Europe/Belgrade', '2025-01-15T05:59:00Z', false],
  ['07:00-09:00 Europe/Belgrade', '2025-01-15T08:00:00Z', false],
  // Summer time: the same clock on the wall, another hour of UTC.
  ['07:00-09:00 Europe/Belgrade', '2025-07-15T05:00:00Z', true],
  ['07:00-09:00', '2025-01-15T22:30:00Z', true],
  ['22:00-05:00 UTC', '2025-01-15T23:30:00Z', true],
  ['22:00-05:00 UTC', '2025-01-15T04:59:00Z', true],
  ['22:00-05:00 UTC', '2025-01-15T05:00:00Z', false],
  ['01:00-02:00 UTC, 12:00-13:00 UTC', '2025-01-15T12:30:00Z', true],
  ['', '2025-01-15T12:30:00Z', false],
])('%s at %s: %s, at a server of Yakutsk', (text, at, quiet) => {
  expect(isQuiet(text, 'Asia/Yakutsk', new Date(at))).toBe(quiet);
});

test.each(['7-9', '07:00-24:00', '07:00-09:00 Belgrade', '07:00', '07:00-09:00;'])('%s is refused', (text) => {
  expect(isQuietHours(text)).toBe(false);
});
