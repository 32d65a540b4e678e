import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { givePrecedence, startOnItsOwn } from './on-its-own.ts';

/** Requests of one kind; the addresses are taken in turn. */
export interface Target {
  name: string;
  urls: string[];
}

export interface LoadOrder {
  targets: Target[];
  headers: Record<string, string>;
  perSecond: number;
  /** Runs before `seconds` at the same rate, to open connections and compile the client's code. Only its failures count. */
  warmUpSeconds: number;
  seconds: number;
}

export interface LoadResult {
  name: string;
  /** Milliseconds from the moment a request was due to the last byte of its answer. */
  latencies: number[];
  /** How many answers had each status other than 200, and how many failures each message. */
  errors: Record<string, number>;
}

export interface Load {
  /** Changes the addresses of later requests; the names stay. */
  redirect(targets: Target[]): void;
  results: Promise<LoadResult[]>;
}

/**
 * Sends requests at a fixed rate, to the targets in turn, however long the answers take. autocannon keeps a rate per connection, waits for
 * each answer before the next request, and corrects the sums afterwards. Here every request has a time at which it is due, and its latency
 * counts from then.
 */
export function startLoad(order: LoadOrder): Load {
  const client = startOnItsOwn('open-loop-client');
  givePrecedence([client.pid]);
  client.send(order);
  return {
    redirect: (targets) => client.connected && client.send(targets),
    results: resultsOf(client),
  };
}

async function resultsOf(client: ChildProcess): Promise<LoadResult[]> {
  const ended = once(client, 'exit').then(([code]) =>
    Promise.reject(new Error(`The load's process ended with ${code}.`)),
  );
  const [results] = await Promise.race([once(client, 'message'), ended]);
  return results as LoadResult[];
}

/** The value below which this share of the values lies. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
