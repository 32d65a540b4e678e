// Requests to the API this page came from, with the key of whoever is logged in.

const TIMEOUT_MS = 8_000;

/** What the API refused, in its own words; `status` 0: it could not be reached. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = 'Unreachable' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Nobody answered: not the API's refusal, but no API. */
  get unreachable() {
    return this.status === 0;
  }
}

/**
 * The requests of one session. Fires `lost` when nobody answers, `back` when somebody does again, and `refused` when the key is no longer
 * taken.
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

  /** By the server's clock: ages and durations do not depend on how this machine's is set. */
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

  /** An answer that is read as it comes. The caller aborts it. */
  stream(path, signal) {
    return this.#request('GET', path, { signal });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ body?: object, headers?: Record<string, string>, signal?: AbortSignal }} options
   */
  async #json(method, path, { body, headers = {}, signal }) {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
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
      // Its resolution is a second: smaller differences are none.
      if (!Number.isNaN(date)) this.#ahead = Math.abs(date - Date.now()) < 1500 ? 0 : date - Date.now();
      return response;
    }
    throw await this.#refusal(response);
  }

  async #refusal(response) {
    const problem = await response.json().catch(() => null);
    // A proxy that answers for an API that is away has no problem to tell.
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
