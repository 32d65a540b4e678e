import { expect, test } from '@jest/globals';
import { isQuiet, isQuietHours, quietBegins } from '../../src/settings/quiet-hours.ts';

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

test.each([
  { what: 'later that day', text: '07:00-09:00', at: '2026-01-10T05:30:00Z', begins: '2026-01-10T06:00:00.000Z' },
  { what: 'the next day', text: '07:00-09:00', at: '2026-01-10T20:00:30Z', begins: '2026-01-11T06:00:00.000Z' },
  {
    what: 'the nearest of several',
    text: '16:00-18:00, 07:00-09:00',
    at: '2026-01-10T10:00:00Z',
    begins: '2026-01-10T15:00:00.000Z',
  },
  {
    what: 'behind a change of clocks',
    text: '07:00-09:00',
    at: '2026-03-28T20:00:00Z',
    begins: '2026-03-29T05:00:00.000Z',
  },
])('quiet hours begin $what', ({ text, at, begins }) => {
  expect(quietBegins(text, 'Europe/Belgrade', new Date(at))?.toISOString()).toBe(begins);
});

test('quiet hours do not begin where there are none, nor while they are', () => {
  expect(quietBegins('', 'Europe/Belgrade', new Date())).toBe(null);
  expect(quietBegins('07:00-09:00', 'Europe/Belgrade', new Date('2026-01-10T07:00:00Z'))).toBe(null);
});
