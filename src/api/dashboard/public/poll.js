// Asking again and again, without two questions at once, slowly while nobody looks.

const HIDDEN_MS = 30_000;
const AFTER_ERROR_MS = 2_000;

/**
 * Runs `ask` now, and again `every()` milliseconds after it has ended. `ask` shows its own errors; one that it throws makes the next come
 * soon. `kick` asks at once.
 */
export function poll(ask, every) {
  const stopped = new AbortController();
  let wake = () => {};
  const loop = async () => {
    while (!stopped.signal.aborted) {
      let waitMs;
      try {
        await ask(stopped.signal);
        waitMs = document.hidden ? Math.max(HIDDEN_MS, every()) : every();
      } catch {
        waitMs = Math.min(AFTER_ERROR_MS, every());
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
  };
  const seen = () => {
    if (!document.hidden) wake();
  };
  document.addEventListener('visibilitychange', seen);
  void loop();
  return {
    kick: () => wake(),
    stop() {
      document.removeEventListener('visibilitychange', seen);
      stopped.abort();
      wake();
    },
  };
}
