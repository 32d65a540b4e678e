// A run's worker slots over time: a row for each slot, a bar for each vehicle or slice that it held, live while the run goes on.
import { h, setAttribute, setText, show } from './dom.js';
import { clock, duration, offset, plural, whole } from './format.js';
import { createTimelineBars, heldMs } from './timeline-bars.js';
import { barAt, layOut, paintTimeline } from './timeline-chart.js';
import { createTimelineList } from './timeline-list.js';

const KEYS_TOLD = 'Left and right go along a slot, up and down to another one, Home and End to its first and last.';

export function createTimeline(api) {
  const data = createTimelineBars(api);
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const frame = h(
    'div',
    { class: 'timeline-frame', tabindex: 0, role: 'application', 'aria-roledescription': 'chart' },
    canvas,
  );
  const caption = h('figcaption', {});
  const spoken = h('p', { class: 'unseen', role: 'status' });
  const list = createTimelineList();
  const chart = h('figure', {}, h('h3', {}, 'Worker slots over time'), frame, legend(), caption, spoken);
  const element = h('div', { class: 'timeline', hidden: true }, chart, list.element);
  let shown = { bars: [], span: { from: 0, to: 1 }, place: null, summary: '' };
  let chosen = null;

  const draw = () => {
    if (canvas.clientWidth === 0 || shown.bars.length === 0) return;
    shown.place = layOut(shown.bars, shown.span, canvas.clientWidth);
    canvas.style.height = `${shown.place.height}px`;
    paintTimeline(canvas, { ...shown, chosen });
  };
  const choose = (bar) => {
    chosen = bar;
    setText(caption, bar === null ? shown.summary : told(bar, shown.span.to));
    draw();
  };
  const set = (run, now) => {
    const span = { from: Date.parse(run.startedAt), to: run.finishedAt === null ? now : Date.parse(run.finishedAt) };
    const bars = data.inOrder().map((bar) => ({ ...bar, workedShare: workedShare(bar, span.to) }));
    const summary = summaryOf(bars);
    shown = { bars, span, place: null, summary };
    show(element, bars.length > 0);
    setAttribute(frame, 'aria-label', `Worker slots over time. ${summary} ${KEYS_TOLD}`);
    const { slot, sequence } = chosen ?? {};
    choose(chosen && (bars.find((bar) => bar.slot === slot && bar.sequence === sequence) ?? null));
    list.set(bars, span.to);
  };

  listen({ canvas, frame }, () => ({ ...shown, chosen }), {
    choose,
    say: (bar) => setText(spoken, told(bar, shown.span.to)),
  });
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', draw);
  const resized = new ResizeObserver(draw);
  resized.observe(frame);
  return {
    element,
    async refresh(run, now, signal) {
      if (await data.load(run.runId, signal)) set(run, now);
    },
    clear() {
      chosen = null;
      show(element, false);
    },
    close() {
      scheme.removeEventListener('change', draw);
      resized.disconnect();
    },
  };
}

/** What is at the pointer is told while it is there; what a key leads to is also said. */
function listen({ canvas, frame }, shown, { choose, say }) {
  canvas.addEventListener('pointermove', ({ clientX, clientY }) => {
    const { bars, place, chosen } = shown();
    if (place === null) return;
    const { left, top } = canvas.getBoundingClientRect();
    const bar = barAt(bars, place, clientX - left, clientY - top);
    if (bar !== chosen) choose(bar);
  });
  canvas.addEventListener('pointerleave', () => choose(null));
  frame.addEventListener('blur', () => choose(null));
  frame.addEventListener('keydown', (event) => {
    const { bars, chosen } = shown();
    const next = bars.length === 0 ? undefined : step(bars, chosen, event.key);
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
    say(next);
  });
}

const workedShare = (bar, now) => Math.min(1, bar.workedMs / Math.max(1, heldMs(bar, now)));

/** The bar that a key leads to; undefined: the key is not one of ours. */
function step(bars, chosen, key) {
  if (!['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'].includes(key)) return undefined;
  if (chosen === null) return bars[0];
  const own = bars.filter(({ slot }) => slot === chosen.slot);
  const at = own.findIndex(({ sequence }) => sequence === chosen.sequence);
  if (key === 'Home') return own[0];
  if (key === 'End') return own.at(-1);
  if (key === 'ArrowLeft') return own[at - 1] ?? chosen;
  if (key === 'ArrowRight') return own[at + 1] ?? chosen;
  const down = key === 'ArrowDown';
  const others = bars.filter(({ slot }) => (down ? slot > chosen.slot : slot < chosen.slot));
  const slot = (down ? others[0] : others.at(-1))?.slot;
  // Of the other slot, what it held at the same time.
  return (
    others.filter((bar) => bar.slot === slot && bar.from <= chosen.from).at(-1) ??
    others.find((bar) => bar.slot === slot) ??
    chosen
  );
}

function told(bar, now) {
  const held = heldMs(bar, now);
  const worked = Math.min(held, bar.workedMs);
  const at = `${clock(bar.from)} ${offset(bar.from)}`;
  const stage = bar.error === null ? bar.status : `failed by ${bar.error}`;
  const rows = bar.rows > 0 || bar.to !== null ? plural(bar.rows, 'row') : `${plural(bar.plannedRows, 'row')} planned`;
  return `Slot ${bar.slot}: ${bar.name}, ${stage}, ${rows}; from ${at} for ${duration(held)}, ${duration(worked)} of it work`;
}

function summaryOf(bars) {
  const slots = new Set(bars.map(({ slot }) => slot)).size;
  const held = bars.filter(({ to }) => to === null).length;
  const failed = bars.filter(({ status }) => status === 'failed').length;
  return `${plural(slots, 'slot')} held ${plural(bars.length, 'vehicle or slice', 'vehicles and slices')}: ${whole(failed)} failed, ${whole(held)} in flight.`;
}

const LEGEND = [
  ['wait', 'waiting'],
  ['exporting', 'exporting now'],
  ['transferring', 'transferring now'],
  ['importing', 'importing now'],
  ['completed', 'completed'],
  ['failed', '✕ failed'],
];
const legend = () =>
  h(
    'ul',
    { class: 'timeline-legend' },
    LEGEND.map(([kind, label]) => h('li', { 'data-kind': kind }, label)),
  );
