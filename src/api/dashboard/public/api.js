// Requests to the API that served this page, with the key of the user.

const TIMEOUT_MS = 8_000;
/** The API itself waits 45 s for a worker's answer. */
const TASK_MS = 60_000;

/** A refusal in the API's own words. `status` is 0 when the API could not be reached. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = 'Unreachable' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The API did not answer at all, so this is not a refusal. */
  get unreachable() {
    return this.status === 0;
  }
}

/**
 * The requests of one session. Fires `lost` when the API stops answering, `back` when it answers again, and `refused` when the key is no
 * longer accepted.
 */
export class Api extends EventTarget {
  #key;
  #lost = false;
  /** How far the server's clock is ahead of ours, in milliseconds. */
  #ahead = 0;

  constructor(key) {
    super();
    this.#key = key;
  }

  /** The time by the server's clock, so that ages and durations are right when this machine's clock is not. */
  now() {
    return Date.now() + this.#ahead;
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  get(path, options = {}) {
    return this.#json('GET', path, options);
  }

  send(method, path, body = {}, headers = {}) {
    return this.#json(method, path, { body, headers });
  }

  /** Asks for something that a worker does, which may take most of a minute. */
  task(path, body) {
    return this.#json('POST', path, { body, limitMs: TASK_MS });
  }

  /** Requests an answer that is read while it arrives. The caller aborts it. */
  stream(path, signal) {
    return this.#request('GET', path, { signal });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ body?: object, headers?: Record<string, string>, signal?: AbortSignal, limitMs?: number }} options
   */
  async #json(method, path, { body, headers = {}, signal, limitMs = TIMEOUT_MS }) {
    const limit = AbortSignal.timeout(limitMs);
    const response = await this.#request(method, path, {
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    return this.#reached(() => response.json(), signal);
  }

  async #request(method, path, { headers: more = {}, body = undefined, signal }) {
    const headers = { authorization: `Bearer ${this.#key}`, ...more };
    const response = await this.#reached(
      () => fetch(path, { method, headers, body, signal, cache: 'no-cache', credentials: 'omit' }),
      signal,
    );
    if (response.ok) {
      const date = Date.parse(response.headers.get('date') ?? '');
      // The Date header has a resolution of a second, so smaller differences mean nothing.
      if (!Number.isNaN(date)) this.#ahead = Math.abs(date - Date.now()) < 1500 ? 0 : date - Date.now();
      return response;
    }
    throw await this.#refusal(response);
  }

  async #refusal(response) {
    const problem = await response.json().catch(() => null);
    // This answer comes from a proxy while the API is away, so its body says nothing about the problem.
    if (problem?.code === undefined && response.status >= 502) return this.#unreachable();
    if (response.status === 401) this.dispatchEvent(new Event('refused'));
    return new ApiError(problem?.error ?? `The API answered ${response.status}.`, {
      status: response.status,
      code: problem?.code ?? 'Unexpected',
    });
  }

  async #reached(work, signal) {
    try {
      const result = await work();
      if (this.#lost) this.dispatchEvent(new Event('back'));
      this.#lost = false;
      return result;
    } catch (error) {
      if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw error;
      throw this.#unreachable();
    }
  }

  #unreachable() {
    if (!this.#lost) this.dispatchEvent(new Event('lost'));
    this.#lost = true;
    return new ApiError('The API does not answer.');
  }
}
