import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

type Look = readonly [width: number, colorScheme: 'light' | 'dark'];
/** How the page is looked at: on a desk and on a phone, by day and by night. */
export const LOOKS: readonly Look[] = [
  [1280, 'light'],
  [1280, 'dark'],
  [375, 'light'],
  [375, 'dark'],
];

/** Saves pictures of the whole page to the folder that FLEETGRAPH_SCREENSHOTS names; without the variable it saves none. */
export async function picture(page: Page, name: string, looks: readonly Look[] = LOOKS): Promise<void> {
  const folder = process.env.FLEETGRAPH_SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize()!;
  for (const [width, colorScheme] of looks) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}
