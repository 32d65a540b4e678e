/** One vehicle or slice that was completed: how many were in flight at its server on average meanwhile, what it brought, and what it took. */
export interface Sample {
  inFlight: number;
  rows: number;
  ms: number;
}

/**
 * What completed work says of a server: up to `knee` in flight each takes as long as alone; above it, they share what the server gives, and
 * each takes inFlight / knee times as long.
 */
export interface KneeFit {
  knee: number;
  /** Milliseconds of an item without a row, alone at the server. */
  fixedMs: number;
  perRowMs: number;
  /** How much worse the samples fit when the knee is `other`, in nats: 0 is as good, 3 is twenty times less likely. */
  against(other: number): number;
  /** ln(ms / expected): 0 is as expected, 0.7 twice as long. */
  surprise(sample: Sample): number;
}

/** Rows that cost as much as the fixed part of an item. Which of them fits is found together with the knee. */
const ROWS_LIKE_FIXED = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 1_000_000];
/** First guess of the noise, and the least that is believed: 30 % more or less are 0.17. */
const NOISE = { first: 0.2, least: 0.12 };
/** Degrees of freedom of Student's t: a vehicle that takes five times as long counts for little. */
const TAIL = 5;

/** The knee from 1 to `most` under which the samples are likeliest; the smaller one of two that fit alike never wins by less than nothing. */
export function fitKnee(samples: readonly Sample[], most: number): KneeFit {
  const knees = kneesUpTo(most);
  const sameSize = samples.every(({ rows }) => rows === samples[0]?.rows);
  const sizes = sameSize ? ROWS_LIKE_FIXED.slice(2, 3) : ROWS_LIKE_FIXED;
  const coarse = knees.filter((_, index) => index % 3 === 0);
  const rough = bestOf(profile(samples, { knees: coarse, sizes, noise: NOISE.first }));
  const surpriseAt =
    ({ knee, rowsLikeFixed, centre }: Candidate) =>
    (sample: Sample): number =>
      lnMs(sample) - lnSize(sample, rowsLikeFixed) - lnSlowdown(sample, knee) - centre;
  const noise = Math.max(NOISE.least, 1.48 * median(samples.map((sample) => Math.abs(surpriseAt(rough)(sample)))));
  const near = sizes.filter((size) => size >= rough.rowsLikeFixed / 2 && size <= rough.rowsLikeFixed * 2);
  const curve = profile(samples, { knees, sizes: near, noise });
  const best = bestOf(curve);
  const alone = Math.exp(best.centre);
  return {
    knee: expectedKnee(samples, curve, best),
    fixedMs: alone,
    perRowMs: alone / best.rowsLikeFixed,
    against(other) {
      const nearest = curve.reduce((a, b) => (Math.abs(b.knee - other) < Math.abs(a.knee - other) ? b : a));
      return nearest.loss - best.loss;
    },
    surprise: surpriseAt(best),
  };
}

/** The mean of the knees, each as likely as the samples make it: of a lopsided curve its top lies too far to one side. */
function expectedKnee(samples: readonly Sample[], curve: Candidate[], best: Candidate): number {
  const seen = samples.reduce((most, { inFlight }) => Math.max(most, inFlight), 1);
  // Above all that was in flight every knee is as likely as any other.
  if (best.knee >= seen) return best.knee;
  let [sum, weights] = [0, 0];
  curve.forEach(({ knee, loss }, index) => {
    if (knee > seen) return;
    const width = Math.log((curve[index - 1]?.knee ?? knee) / (curve[index + 1]?.knee ?? knee));
    const weight = width * Math.exp(best.loss - loss);
    sum += weight * knee;
    weights += weight;
  });
  return sum / weights;
}

interface Candidate {
  knee: number;
  rowsLikeFixed: number;
  centre: number;
  loss: number;
}

/** The best candidate of each knee, from the largest knee down. Plain loops over typed arrays: this is most of what a claim computes. */
function profile(
  samples: readonly Sample[],
  { knees, sizes, noise }: { knees: number[]; sizes: number[]; noise: number },
): Candidate[] {
  const inFlight = samples.map((sample) => Math.log(Math.max(1, sample.inFlight)));
  const scaled = sizes.map((rowsLikeFixed) => {
    const times = samples.map((sample) => lnMs(sample) - lnSize(sample, rowsLikeFixed));
    return { rowsLikeFixed, times: new Float64Array(times), begin: median(times) };
  });
  const values = new Float64Array(samples.length);
  const slow = new Float64Array(samples.length);
  return knees.map((knee) => {
    const lnKnee = Math.log(knee);
    for (let index = 0; index < slow.length; index += 1) slow[index] = Math.max(0, inFlight[index]! - lnKnee);
    let best: Candidate | null = null;
    for (const size of scaled) {
      for (let index = 0; index < values.length; index += 1) values[index] = size.times[index]! - slow[index]!;
      const found = centreOf(values, size.begin, noise);
      // The next smaller knee has its centre near by.
      size.begin = found.centre;
      if (best === null || found.loss < best.loss - 1e-9) best = { knee, rowsLikeFixed: size.rowsLikeFixed, ...found };
    }
    return best!;
  });
}

/** From the largest down, because of two that fit alike the first wins: nothing is said to be a knee that was not seen. */
function kneesUpTo(most: number): number[] {
  const knees: number[] = [];
  for (let knee = 1; knee < most; knee = Math.max(knee * 1.07, Math.min(knee + 0.5, 8))) knees.push(knee);
  return [...knees, most].reverse();
}

/** The likeliest centre of values with Student's t as noise, which is their mean by weights. */
function centreOf(values: Float64Array, begin: number, noise: number): Pick<Candidate, 'centre' | 'loss'> {
  const scale = 1 / (noise * noise * TAIL);
  let centre = begin;
  for (let step = 0; step < 4; step += 1) {
    let [sum, weights] = [0, 0];
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index]!;
      const weight = 1 / (1 + (value - centre) * (value - centre) * scale);
      sum += weight * value;
      weights += weight;
    }
    const next = weights === 0 ? centre : sum / weights;
    const near = Math.abs(next - centre) < 1e-4;
    centre = next;
    if (near) break;
  }
  let product = 1;
  let loss = 0;
  for (let index = 0; index < values.length; index += 1) {
    const residual = values[index]! - centre;
    product *= 1 + residual * residual * scale;
    // One logarithm for many factors, before they overflow.
    if (product > 1e200) [loss, product] = [loss + Math.log(product), 1];
  }
  return { centre, loss: ((TAIL + 1) / 2) * (loss + Math.log(product)) };
}

const bestOf = (candidates: Candidate[]): Candidate => candidates.reduce((a, b) => (b.loss < a.loss - 1e-9 ? b : a));

const lnMs = ({ ms }: Sample): number => Math.log(Math.max(ms, 1));
const lnSize = ({ rows }: Sample, rowsLikeFixed: number): number => Math.log1p(rows / rowsLikeFixed);
const lnSlowdown = ({ inFlight }: Sample, knee: number): number => Math.log(Math.max(1, inFlight / knee));

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
