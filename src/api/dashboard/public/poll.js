// Repeats a request, never two at once, and slowly while the page is hidden.
import { ApiError } from './api.js';

const HIDDEN_MS = 30_000;
const AFTER_ERROR_MS = 2_000;

/**
 * Runs `ask` now, and again `every()` milliseconds after it has ended. `ask` shows what the API refuses. After an exception the next call
 * comes soon. `kick` calls `ask` at once, or once more after the call that is running.
 */
export function poll(ask, every) {
  const stopped = new AbortController();
  let again = false;
  let wake = () => {};
  const pause = (waitMs) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  const kick = () => {
    again = true;
    wake();
  };
  const loop = async () => {
    while (!stopped.signal.aborted) {
      again = false;
      let waitMs = every();
      try {
        await ask(stopped.signal);
        waitMs = document.hidden ? Math.max(HIDDEN_MS, every()) : every();
      } catch (error) {
        // Only a mistake of this page goes to the console; `ask` has shown everything else.
        if (!(error instanceof ApiError) && error.name !== 'AbortError') reportError(error);
        waitMs = Math.min(AFTER_ERROR_MS, waitMs);
      }
      if (!again && !stopped.signal.aborted) await pause(waitMs);
    }
  };
  const seen = () => {
    if (!document.hidden) kick();
  };
  document.addEventListener('visibilitychange', seen);
  void loop();
  return {
    kick,
    stop() {
      document.removeEventListener('visibilitychange', seen);
      stopped.abort();
      wake();
    },
  };
}

/** Polls what a panel shows, as `poll` does. `look` fills it, and returns the sentence of a panel that has nothing to show. */
export const pollInto = (panel, look, every) =>
  poll(async (signal) => {
    try {
      const nothing = await look(signal);
      return nothing === undefined ? panel.ready() : panel.empty(nothing);
    } catch (error) {
      if (!signal.aborted) panel.failed(error);
      throw error;
    }
  }, every);
