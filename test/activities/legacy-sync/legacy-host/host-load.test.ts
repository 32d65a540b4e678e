import { expect, test } from '@jest/globals';
import { readHostLoad } from '../../../../src/activities/legacy-sync/legacy-host/host-load.ts';

test.each([
  ['load 3.20 7', 4, { loadPerCore: 0.8, threadsRunning: 7 }],
  ['warning\nload 3.20 -\nfail dump 1 0 0 -', 2, { loadPerCore: 1.6, threadsRunning: null }],
  // No /proc, or another one.
  ['load - 7', 4, { loadPerCore: null, threadsRunning: 7 }],
  ['load 3.20 7', null, { loadPerCore: null, threadsRunning: 7 }],
  ['load x;y 7e9', 4, { loadPerCore: null, threadsRunning: null }],
  ['', 4, null],
])('%j on %s cores', (output, cores, load) => {
  expect(readHostLoad(output, cores)).toEqual(load);
});
