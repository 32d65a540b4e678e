import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { LoadOrder, LoadResult, Target } from './open-loop.ts';

const TIMEOUT_MS = 5_000;
const CONNECTIONS = 128;

/** The process that open-loop.ts starts. It has an event loop of its own, so that no other part of the bench delays a request. */
const [{ targets, headers, perSecond, warmUpSeconds, seconds }] = (await once(process, 'message')) as [LoadOrder];
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const results = new Map<string, LoadResult>(targets.map(({ name }) => [name, { name, latencies: [], errors: {} }]));
let current: Target[] = targets;
process.on('message', (changed: Target[]) => (current = changed));
process.once('disconnect', () => process.exit(1));

const uncounted = perSecond * warmUpSeconds;
const total = uncounted + perSecond * seconds;
const startedAt = performance.now();
const answers: Promise<void>[] = [];
await new Promise<void>((sent) => {
  const tick = (): void => {
    const due = Math.min(total, 1 + Math.floor(((performance.now() - startedAt) * perSecond) / 1_000));
    while (answers.length < due) answers.push(request(answers.length));
    if (answers.length < total) setTimeout(tick, 1);
    else sent();
  };
  tick();
});
await Promise.all(answers);
agent.destroy();
process.send?.([...results.values()], () => process.exit(0));

/** Sends a request and measures from the moment it was due, so that a stalling server does not hide the requests that had to wait. */
function request(n: number): Promise<void> {
  const { name, urls } = current[n % current.length]!;
  const result = results.get(name)!;
  const url = urls[Math.floor(n / current.length) % urls.length]!;
  const dueAt = startedAt + (n * 1_000) / perSecond;
  return new Promise((resolve) => {
    const done = (error: string | null): void => {
      if (n >= uncounted) result.latencies.push(performance.now() - dueAt);
      if (error !== null) result.errors[error] = (result.errors[error] ?? 0) + 1;
      resolve();
    };
    get(url, { agent, headers, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.once('end', () => done(response.statusCode === 200 ? null : String(response.statusCode)));
      response.once('error', (error) => done(error.message));
    })
      .once('timeout', function (this: { destroy(error: Error): void }) {
        this.destroy(new Error('no answer in time'));
      })
      .once('error', (error) => done(error.message));
  });
}
