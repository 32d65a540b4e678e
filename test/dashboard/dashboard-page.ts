import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export interface DashboardPage {
  page: Page;
  context: BrowserContext;
  /** Addresses that were asked for and are not of the API, and what the browser refused to load or run. */
  trespasses(): string[];
}

/** Longest wait for something the page is to show. */
export const WITHIN = { timeout: 20_000 };

/** The dashboard in a browser session of its own. */
export async function openDashboard(browser: Browser, url: string, { width = 1280 } = {}): Promise<DashboardPage> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: 'light' });
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
