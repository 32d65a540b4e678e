import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';

/** Real bus positions; their speeds are mph. They report no heading and no time of receipt. */
export function austin(): SampledFix[] {
  const lines = readFileSync(join(import.meta.dirname, 'capmetrics.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(2);
  return lines.map((line) => {
    const [vehicle = '', time = '', latitude, longitude, speed] = line.split(',');
    const seconds = Date.parse(time) / 1000;
    const place = { latitude: Number(latitude), longitude: Number(longitude), speed: Number(speed) };
    return { vehicle, seconds, ...place, heading: null, receivedSeconds: null };
  });
}
