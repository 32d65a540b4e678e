import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Reading } from '../../support/lateness.ts';

export interface DashboardPage {
  page: Page;
  context: BrowserContext;
  /** Addresses that were asked for and are not of the API, and what the browser refused to load or run. */
  trespasses(): string[];
}

/** Longest wait for something the page is to show. */
export const WITHIN = { timeout: 20_000 };

/** The dashboard in a browser session of its own. */
export async function openDashboard(
  browser: Browser,
  url: string,
  { width = 1280, timeZone = 'Asia/Yakutsk' } = {},
): Promise<DashboardPage> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: 'light',
    timezoneId: timeZone,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN.timeout);
  const trespasses: string[] = [];
  context.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) trespasses.push(request.url());
  });
  page.on('pageerror', (error) => trespasses.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) trespasses.push(message.text());
  });
  await page.goto(`${url}/`);
  return { page, context, trespasses: () => trespasses };
}

export async function logIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Fleet sync' }).waitFor();
}

/** Violations of axe's rules, best practices included, as `rule: element`. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; nodes: { target: string[]; failureSummary: string }[] }[]>(
    'axe.run(document).then(({ violations }) => violations)',
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
  );
}

/** How many pixels the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** Presses Tab until this element has the focus, as somebody without a mouse does. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  const MOST = 60;
  for (let presses = 0; presses < MOST; presses++) {
    if (await page.evaluate<boolean>(`document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${selector} is not reached by ${MOST} presses of Tab.`);
}

/** The values of the worker slots' bars. */
export const slotBars = (page: Page): Promise<number[]> =>
  page.evaluate<number[]>(
    `[...document.querySelectorAll('.slot-list [role=progressbar]')].map((bar) => Number(bar.getAttribute('aria-valuenow')))`,
  );

/** Looks at the page twenty times a second from now on: at the run's rows as a figure, and at how far each slot's bar is drawn. */
export const startWatching = (page: Page): Promise<void> =>
  page.evaluate(`
    window.seen = {};
    const note = (name, value) => {
      const readings = (window.seen[name] ??= []);
      if (readings.at(-1)?.value !== value) readings.push({ at: Date.now(), value });
    };
    setInterval(() => {
      const figures = [...document.querySelectorAll('#fleet .figure')];
      const rows = figures.find((figure) => figure.querySelector('dt').textContent === 'Rows');
      note('rows', Number(rows.querySelector('dd').textContent.replaceAll(',', '')));
      for (const line of document.querySelectorAll('.slot-list tbody tr')) {
        const [bar, fill] = ['.bar', '.bar-fill'].map((part) => line.querySelector(part).getBoundingClientRect().width);
        note('slot ' + line.dataset.key, Math.round((100 * fill) / bar));
      }
    }, 50);`);

/** What was seen so far, by name. */
export const whatWasSeen = (page: Page): Promise<Record<string, Reading[]>> => page.evaluate('window.seen');

/** How many moments the page tells, and those that name no zone or are not in UTC when they are pointed at. */
export const momentsOf = (page: Page): Promise<{ told: number; zoneless: string[] }> =>
  page.evaluate(`(() => {
    const marks = [...document.querySelectorAll('time')];
    const bare = marks.filter(({ title }) => !/\\dZ/.test(title)).map(({ outerHTML }) => outerHTML);
    const texts = [document.body.innerText, ...[...document.querySelectorAll('[title], [aria-label]')].flatMap((each) =>
      [each.title, each.ariaLabel ?? ''])];
    const clocks = texts.flatMap((text) => text.match(/\\d\\d:\\d\\d:\\d\\d(?! UTC|\\.\\d+Z).*/g) ?? []);
    return { told: marks.length, zoneless: [...bare, ...clocks] };
  })()`);
