import { expect, test } from '@jest/globals';
import { createStageLog } from '../../../src/activities/transport-graph/stage-log.ts';

test('a line is the spec’s, with ids at its end', () => {
  const lines: string[] = [];
  const now = () => new Date('2025-01-15T10:30:00.789Z');
  const log = createStageLog('odata-sync-worker', { write: (line) => lines.push(line), now });
  log.info('Step 1: Fetching OData API response...');
  log.info('Worker finished: OData sync completed', { dataset: '12', run: 'a' });
  log.warn('two\nlines\r\n[2025-01-15T10:30:00Z] [graph-builder] forged');
  log.error('failed');
  expect(lines).toEqual([
    '[2025-01-15T10:30:00Z] [odata-sync-worker] ℹ️ Step 1: Fetching OData API response...',
    '[2025-01-15T10:30:00Z] [odata-sync-worker] ℹ️ Worker finished: OData sync completed dataset=12 run=a',
    '[2025-01-15T10:30:00Z] [odata-sync-worker] ⚠️ two lines [2025-01-15T10:30:00Z] [graph-builder] forged',
    '[2025-01-15T10:30:00Z] [odata-sync-worker] ❌ failed',
  ]);
});
