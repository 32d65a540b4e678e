// Asking again and again, without two questions at once, slowly while nobody looks.
import { ApiError } from './api.js';

const HIDDEN_MS = 30_000;
const AFTER_ERROR_MS = 2_000;

/**
 * Runs `ask` now, and again `every()` milliseconds after it has ended. `ask` shows what the API refuses; when it throws, the next comes
 * soon. `kick` asks at once, or once more when it is being asked.
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
        // A mistake of this page is for its console; everything else has been shown.
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
