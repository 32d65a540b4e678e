// Follows a run through the API's server-sent events. It uses fetch, because EventSource cannot send a key.

const RETRY_MS = 1_000;
/** The API sends something every 15 s. After this long without anything the connection is dead, even if TCP has not noticed. */
const SILENCE_MS = 20_000;

/**
 * Calls `onProgress` with each view of the run until it ends (`onEnd`) or `stop` is called. Reconnects by itself. While the page is hidden
 * the connection is closed, because a browser has only six for one server over all its tabs.
 */
export function followRun(api, runId, { onProgress, onEnd }) {
  const stopped = new AbortController();
  let connection = new AbortController();
  let wake = () => {};
  const onVisibility = () => (document.hidden ? connection.abort() : wake());
  document.addEventListener('visibilitychange', onVisibility);

  const loop = async () => {
    while (!stopped.signal.aborted) {
      connection = new AbortController();
      if (!document.hidden && (await readOnce(api, runId, connection, onProgress))) return onEnd();
      if (stopped.signal.aborted) return undefined;
      await new Promise((resolve) => {
        wake = () => resolve(undefined);
        if (!document.hidden) setTimeout(wake, RETRY_MS);
      });
    }
    return undefined;
  };
  void loop();

  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    stopped.abort();
    connection.abort();
    wake();
  };
}

/** Reads one connection. True when the run has ended; false when the connection broke. */
async function readOnce(api, runId, connection, onProgress) {
  let watchdog = setTimeout(() => connection.abort(), SILENCE_MS);
  try {
    const response = await api.stream(`/api/v1/legacy-sync/runs/${runId}/events`, connection.signal);
    for await (const { event, data } of readEvents(response.body)) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => connection.abort(), SILENCE_MS);
      if (event === 'progress') onProgress(JSON.parse(data));
      if (event === 'end') return true;
    }
    return false;
  } catch {
    // The other requests of the page report this failure, because they have a time limit.
    return false;
  } finally {
    clearTimeout(watchdog);
  }
}

/** The events of a text/event-stream. A comment comes as an event without a name. */
async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => splitField(line)));
      yield { event: fields['event'] ?? null, data: fields['data'] ?? '' };
    }
  }
}

function splitField(line) {
  const colon = line.indexOf(': ');
  return colon < 1 ? ['', line] : [line.slice(0, colon), line.slice(colon + 2)];
}
