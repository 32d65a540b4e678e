import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';

/** Numbers between 0 and 1 that are the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Drive {
  seed: number;
  latitude: number;
  longitude: number;
  /** Seconds between fixes. */
  every?: number;
  fixes?: number;
  kmhPerOne?: number;
  noise?: number;
}

/** A vehicle that drives, turns and stops; noisy in place and in what it reports. */
export function drive({
  seed,
  latitude,
  longitude,
  every = 10,
  fixes = 600,
  kmhPerOne = 1,
  noise = 1,
}: Drive): SampledFix[] {
  const random = randomOf(seed);
  const [at, heading] = [{ latitude, longitude }, { degrees: 360 * random() }];
  let kmh = 30;
  return Array.from({ length: fixes }, (_, index) => {
    const speed = kmh;
    const radians = (heading.degrees * Math.PI) / 180;
    const fix: SampledFix = {
      vehicle: `bus ${seed}`,
      seconds: 1_750_000_000 + index * every,
      latitude: at.latitude + noise * (random() - 0.5) * 1e-4,
      longitude: at.longitude + noise * (random() - 0.5) * 1e-4,
      speed: Math.max(0, (speed + noise * (random() - 0.5) * 4) / kmhPerOne),
      heading: heading.degrees,
      receivedSeconds: 1_750_000_000 + index * every + Math.floor(random() * 20),
    };
    kmh = random() < 0.1 ? 0 : Math.max(0, Math.min(90, kmh + (random() - 0.45) * 20));
    const metres = ((speed + kmh) / 2 / 3.6) * every;
    at.latitude += (metres * Math.cos(radians)) / 111_195;
    at.longitude += (metres * Math.sin(radians)) / (111_195 * Math.cos((at.latitude * Math.PI) / 180));
    heading.degrees = (heading.degrees + (random() - 0.5) * 20 + (random() < 0.05 ? 90 : 0) + 360) % 360;
    return fix;
  });
}
