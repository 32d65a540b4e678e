// Times as the reader's clock shows them, with UTC as a tooltip for comparison with a log.
import { h, setAttribute, setText } from './dom.js';
import { relative, timestamp } from './format.js';

const inUtc = (time) => new Date(time).toISOString();

/** The time itself: `2026-11-26 11:06:02 UTC+9`. */
export const moment = (time) => h('time', { datetime: inUtc(time), title: inUtc(time) }, timestamp(time));

/** How long ago a time was, or how soon it comes. A tooltip shows the time itself. */
export const age = (time, now) => tellAge(h('time'), time, now);

/** Writes an age into an element that may show one already. `never` is the text when there is no such time. */
export function writeAge(element, time, now, never) {
  if (time === null) return setText(element, never);
  const mark = element.querySelector('time');
  if (mark === null) element.replaceChildren(age(time, now));
  else tellAge(mark, time, now);
  return undefined;
}

function tellAge(mark, time, now) {
  setText(mark, relative(time, now));
  setAttribute(mark, 'datetime', inUtc(time));
  setAttribute(mark, 'title', `${timestamp(time)} (${inUtc(time)})`);
  return mark;
}
