import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chooseCompressors, type Readable } from '../../../../src/activities/legacy-sync/legacy-host/compression.ts';
import type { HostTools } from '../../../../src/activities/legacy-sync/legacy-host/host-tools.ts';

const TOOLS = ['zstd', 'pigz', 'gzip', 'lz4'] as const;
const EVERYTHING: Readable = new Set(['zstd', 'gzip', 'lz4', 'none']);

interface Line {
  compressors?: HostTools['compressors'];
  cores?: number | null;
  bytesPerSecond?: number | null;
  loadPerCore?: number | null;
  readable?: Readable;
  wanted?: Parameters<typeof chooseCompressors>[1]['wanted'];
}

const chosen = ({ compressors = [...TOOLS], cores = 4, ...choice }: Line) =>
  chooseCompressors(
    { dump: 'mariadb-dump', client: 'mariadb', flavour: 'mariadb', timeZone: null, compressors, cores },
    { wanted: 'auto', readable: EVERYTHING, bytesPerSecond: null, loadPerCore: null, serverId: 'depot', ...choice },
  );

test.each<[string, Line, string]>([
  ['a line that nobody has measured', {}, 'zstd -q -1 -T1 -c'],
  ['a fast line', { bytesPerSecond: 200e6 }, 'zstd -q -1 -T1 -c'],
  ['a slow line', { bytesPerSecond: 0.3e6 }, 'zstd -q -7 -T1 -c'],
  ['a fast line to a host with one core', { bytesPerSecond: 200e6, cores: 1 }, 'cat'],
  ['a fast line to a busy host', { bytesPerSecond: 200e6, loadPerCore: 1.5 }, 'cat'],
  ['no zstd, one core, a fast line', { compressors: ['gzip', 'lz4'], cores: 1, bytesPerSecond: 60e6 }, 'lz4 -q -1 -c'],
  [
    'no zstd, and lz4 that this host cannot read',
    { compressors: ['gzip', 'lz4'], cores: 1, bytesPerSecond: 20e6, readable: new Set(['gzip', 'none'] as const) },
    'gzip -1 -c',
  ],
  ['gzip alone, one core, a fast line', { compressors: ['gzip'], cores: 1, bytesPerSecond: 200e6 }, 'cat'],
  ['gzip alone, one core, a usual line', { compressors: ['gzip'], cores: 1, bytesPerSecond: 20e6 }, 'gzip -1 -c'],
  ['pigz before gzip', { compressors: ['gzip', 'pigz'] }, 'pigz -1 -p2 -c'],
  ['zstd that this host cannot read', { readable: new Set(['gzip', 'none'] as const) }, 'pigz -1 -p2 -c'],
  ['a host with nothing', { compressors: [] }, 'cat'],
  ['zstd by the setting, on a slow line', { wanted: 'zstd', bytesPerSecond: 0.3e6 }, 'zstd -q -7 -T1 -c'],
  ['lz4 by the setting', { wanted: 'lz4' }, 'lz4 -q -1 -c'],
  ['none by the setting', { wanted: 'none', bytesPerSecond: 0.3e6 }, 'cat'],
])('%s', (_, line, command) => {
  expect(chosen(line).large.command).toBe(command);
});

test('few rows go by gzip where many go by zstd', () => {
  expect(chosen({})).toMatchObject({ small: { compression: 'gzip' }, large: { compression: 'zstd' } });
  const { small, large } = chosen({ wanted: 'zstd' });
  expect(small).toBe(large);
});

test('what the setting names and the host lacks is refused with its name', () => {
  expect(() => chosen({ wanted: 'lz4', compressors: ['gzip'] })).toThrow(
    expect.objectContaining({ code: 'LegacyToolMissing', message: expect.stringContaining('depot lacks lz4') }),
  );
});

test('what the host lacks or this host cannot read is never chosen, and a slower line is never given more bytes', () => {
  const any = fc.record({
    compressors: fc.subarray([...TOOLS]),
    cores: fc.option(fc.integer({ min: 1, max: 64 })),
    loadPerCore: fc.option(fc.double({ min: 0, max: 8, noNaN: true })),
    readable: fc
      .subarray(['zstd', 'lz4'] as const)
      .map((some): Readable => new Set([...some, 'gzip', 'none'] as const)),
    speeds: fc.tuple(fc.double({ min: 1e3, max: 1e10, noNaN: true }), fc.double({ min: 1e3, max: 1e10, noNaN: true })),
  });
  // By what GPS rows become, the smallest first.
  const SMALLEST = ['zstd -q -7', 'zstd -q -1', 'pigz', 'gzip', 'lz4', 'cat'];
  fc.assert(
    fc.property(any, ({ speeds, ...line }) => {
      const [slow, fast] = speeds
        .toSorted((a, b) => a - b)
        .map((bytesPerSecond) => {
          const { large } = chosen({ ...line, bytesPerSecond });
          const tool = large.command.split(' ')[0]!;
          expect([...line.compressors, 'cat']).toContain(tool);
          expect(line.readable.has(large.compression)).toBe(true);
          return SMALLEST.findIndex((start) => large.command.startsWith(start));
        });
      expect(slow).toBeLessThanOrEqual(fast!);
    }),
  );
});
