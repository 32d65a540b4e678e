import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';

/** Tells waits and streams to end when the process stops, because they would keep it up. */
@Injectable()
export class Stopping implements BeforeApplicationShutdown {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The result of `work`, or `otherwise` as soon as the process is asked to stop. */
  async orStopping<T, O>(work: Promise<T>, otherwise: O): Promise<T | O> {
    const { signal } = this;
    if (signal.aborted) return otherwise;
    let stop = (): void => {};
    const stopping = new Promise<O>((resolve) => (stop = () => resolve(otherwise)));
    signal.addEventListener('abort', stop);
    return Promise.race([work, stopping]).finally(() => signal.removeEventListener('abort', stop));
  }

  begin(): void {
    this.#controller.abort();
  }

  beforeApplicationShutdown(): void {
    this.begin();
  }
}
