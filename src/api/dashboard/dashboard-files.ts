import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';

const FOLDER = fileURLToPath(new URL('./public', import.meta.url));
const UPLOT = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');

/** Only files of these types are served. The folder also holds others, such as type declarations. */
const MEDIA_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
};

export interface DashboardFile {
  text: string;
  mediaType: string;
  etag: string;
}

/**
 * The dashboard's files, from the repository and from the package of the chart library. They are read once at the start; no other name can
 * be requested.
 */
@Injectable()
export class DashboardFiles {
  readonly #files = new Map<string, DashboardFile>();

  constructor() {
    for (const name of readdirSync(FOLDER)) this.#add(name, join(FOLDER, name));
    this.#add('uplot.js', join(UPLOT, 'uPlot.esm.js'));
    this.#add('uplot.css', join(UPLOT, 'uPlot.min.css'));
  }

  find(name: string): DashboardFile | null {
    return this.#files.get(name) ?? null;
  }

  #add(name: string, path: string): void {
    const mediaType = MEDIA_TYPES[extname(name)];
    if (mediaType === undefined) return;
    const text = readFileSync(path, 'utf8');
    const sum = createHash('sha256').update(text).digest('base64url').slice(0, 22);
    this.#files.set(name, { text, mediaType, etag: `"${sum}"` });
  }
}
