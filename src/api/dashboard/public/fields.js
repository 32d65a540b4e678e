// The fields of a form: an element with its label, and a function that reads its value.
import { h } from './dom.js';

let used = 0;
const nextId = () => `field-${(used += 1)}`;

function labelled(label, input, hint) {
  const hintElement = hint === null ? null : h('span', { class: 'hint', id: `${input.id}-hint` }, hint);
  if (hintElement !== null) input.setAttribute('aria-describedby', hintElement.id);
  return h('div', { class: 'field' }, h('label', { for: input.id }, label), input, hintElement);
}

/** `pattern` is what the value must match, and `title` says that in words. */
export function textField({
  name,
  label,
  hint = null,
  required = false,
  maxLength = 500,
  pattern = null,
  title = null,
}) {
  const kept = { required, maxlength: maxLength, autocomplete: 'off', spellcheck: 'false', pattern, title };
  const input = h('input', { id: nextId(), type: 'text', ...kept });
  return { name, element: labelled(label, input, hint), input, read: () => input.value.trim() || undefined };
}

const TYPING_MS = 250;

/** A box to look for something by a word. `changed` is called when the typing has paused. */
export function searchField({ label, hint = null, changed }) {
  const input = h('input', { id: nextId(), type: 'search', autocomplete: 'off', maxlength: 100 });
  let timer;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => changed(), TYPING_MS);
  });
  return { element: labelled(label, input, hint), read: () => input.value.trim() };
}

export function numberField({ name, label, hint = null, required = false, min, max, value = null }) {
  const input = h('input', { id: nextId(), type: 'number', inputmode: 'numeric', step: 1, min, max, value, required });
  const read = () => (input.value === '' ? undefined : Number(input.value));
  return { name, element: labelled(label, input, hint), input, read };
}

export function selectField({ name, label, options }) {
  const choices = options.map(({ value, label: text }) => h('option', { value }, text));
  const input = h('select', { id: nextId() }, choices);
  return { name, element: labelled(label, input, null), input, read: () => input.value };
}

export function checkField({ name, label, checked = false }) {
  const input = h('input', { id: nextId(), type: 'checkbox', checked });
  const element = h('div', { class: 'field check' }, input, h('label', { for: input.id }, label));
  return { name, element, input, read: () => input.checked };
}

/** A choice among several options. An option may have a number (`number`), which is required only while the option is chosen. */
export function choiceField({ name, legend, options, chosen }) {
  const group = nextId();
  const made = options.map(({ value, label, number = null, disabled = false }) => {
    const radio = h('input', { id: nextId(), type: 'radio', name: group, value, checked: value === chosen, disabled });
    const input =
      number === null
        ? null
        : h('input', { type: 'number', inputmode: 'numeric', step: 1, 'aria-label': `${label}: number`, ...number });
    input?.addEventListener('focus', () => {
      radio.checked = true;
      settle();
    });
    return { radio, input, element: h('div', { class: 'choice' }, radio, h('label', { for: radio.id }, label), input) };
  });
  const settle = () => {
    for (const { radio, input } of made) if (input !== null) input.required = radio.checked;
  };
  const element = h(
    'fieldset',
    { onchange: settle },
    h('legend', {}, legend),
    made.map((each) => each.element),
  );
  settle();
  const read = () => {
    const { radio, input } = made.find((each) => each.radio.checked) ?? made[0];
    return { value: radio.value, number: input === null ? null : Number(input.value) };
  };
  return { name, element, input: made[0].radio, read };
}

export const reasonField = (required = false) =>
  textField({
    name: 'reason',
    label: required ? 'Reason' : 'Reason (optional)',
    hint: 'Kept in the audit log with your key’s name.',
    required,
  });
