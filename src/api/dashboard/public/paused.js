// Tells what somebody has paused in Temporal: it stands still, and nothing else on the page says why.
import { h, reconcile, setText } from './dom.js';
import { age } from './moments.js';
import { poll } from './poll.js';

const EVERY_MS = 5_000;

export function watchPaused(context) {
  const list = document.getElementById('paused');
  const create = () => h('p', {}, h('span', { class: 'what' }), ' ', h('code', {}));
  const update = (element, { workflowId, activity, since, by, reason, remedy }) => {
    const what = activity === null ? workflowId : `${activity} of ${workflowId}`;
    const why = reason === null ? '' : ` (${reason})`;
    const [text, line] = element.children;
    const time = since === null ? 'a time that Temporal does not tell' : age(since, context.api.now());
    text.replaceChildren(`Paused in Temporal: ${what}, by ${by}${why}, `, time, '. To end the pause:');
    setText(line, remedy);
  };
  const key = ({ workflowId, runId, activity }) => `${workflowId} ${runId} ${activity}`;
  const asking = poll(
    async (signal) => {
      const { paused } = await context.api.get('/api/v1/paused', { signal });
      // While Temporal does not tell, what it told last stands.
      if (paused !== null) reconcile(list, paused, { key, create, update });
    },
    () => EVERY_MS,
  );
  return {
    stop() {
      asking.stop();
      list.replaceChildren();
    },
  };
}
