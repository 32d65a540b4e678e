import { expect, test } from '@jest/globals';
import { secondsOf, timeForm } from '../../src/legacy-inspection/time-form.ts';

const NOON = Date.UTC(2025, 5, 15, 12, 30, 5) / 1000;

test.each([
  ['plain', ['2025-06-15 12:30:05', '2025-06-15 12:30:05.25']],
  ['iso-8601', ['2025-06-15T12:30:05Z', '2025-06-15T18:00:05+05:30']],
  ['unix-seconds', [String(NOON), ` ${NOON} `]],
  ['unix-milliseconds', [String(NOON * 1000)]],
  ['DD.MM.YYYY HH:mm:ss', ['15.06.2025 12:30:05']],
  ['YYYY-MM-DDTHH:mm:ss', ['2025-06-15T12:30:05']],
  ['MM/DD/YYYY hh:mm:ss A', ['06/15/2025 12:30:05 PM']],
  ['YYYYMMDDHHmmss', ['20250615123005']],
])('%s', (format, values) => {
  expect(timeForm(values)).toEqual({ format, others: [] });
  expect(values.map((value) => Math.floor(secondsOf(value, format)))).toEqual(values.map(() => NOON));
});

test('day and month that could be either are told, and one row decides', () => {
  const either = ['05/06/2025 12:30:05', '06/06/2025 12:30:05'];
  expect(timeForm(either)).toEqual({ format: 'DD/MM/YYYY HH:mm:ss', others: ['MM/DD/YYYY HH:mm:ss'] });
  expect(timeForm([...either, '15/06/2025 12:30:05'])).toEqual({ format: 'DD/MM/YYYY HH:mm:ss', others: [] });
});

test.each([[[]], [['12:30:05']], [['2025-06-15']], [['yesterday']], [['86400']]])(
  '%j is no time of a fix',
  (values) => {
    expect(timeForm(values)).toBeNull();
  },
);
