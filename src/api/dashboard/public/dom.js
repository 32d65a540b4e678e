// Helpers that build and update the page: elements, texts that are written only when they change, and lists that keep their rows.

/**
 * Makes an element with properties and children. `on…` are listeners; `class` and names with a dash are attributes; `null` and `false`
 * leave a property or child out. Text stays text: nothing here parses HTML.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Writes a text only when it changed: a screen reader announces every change, and a write would end a selection. */
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/**
 * Makes the children of `parent` those of `items`, in order. Elements are kept by key, so that focus, open details and the movement of a
 * bar survive a refresh. `create` makes an element for an item, `update` writes an item into it.
 */
export function reconcile(parent, items, { key, create, update }) {
  const kept = new Map([...parent.children].map((child) => [child.getAttribute('data-key'), child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    let element = kept.get(id);
    kept.delete(id);
    if (element === undefined) {
      element = create(item);
      element.setAttribute('data-key', id);
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of kept.values()) element.remove();
}

/** Makes a table that becomes a list of cards where the window is narrow. `columns` has the heading and class of each column. */
export function table(caption, columns, className = '') {
  const body = h('tbody', { role: 'rowgroup' });
  const heads = columns.map(({ label, className, hidden }) =>
    h(
      'th',
      { scope: 'col', role: 'columnheader', class: className },
      hidden ? h('span', { class: 'unseen' }, label) : label,
    ),
  );
  const element = h(
    'table',
    { role: 'table', class: `stack ${className}`.trim() },
    h('caption', { class: 'unseen' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
    body,
  );
  return { element, body };
}

/** Makes a row for `table`. Each cell carries its heading, for the cards. */
export function row(columns, properties = {}) {
  const cells = columns.map(({ label, className, hidden }) =>
    h('td', { role: 'cell', class: className, 'data-label': hidden ? null : label }),
  );
  return h('tr', { role: 'row', ...properties }, cells);
}

/** Replaces what a cell holds when `signature` has changed. */
export function fill(element, signature, make) {
  if (element.getAttribute('data-signature') === signature) return;
  element.setAttribute('data-signature', signature);
  element.replaceChildren(...[make()].flat().filter((child) => child !== null));
}
