import { Controller, Headers, Inject } from '@nestjs/common';
import { Answer } from '../core/answer.ts';
import { notFound } from '../core/problem.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { DASHBOARD_FILE, DASHBOARD_PAGE } from './dashboard.routes.ts';
import { DashboardFiles } from './dashboard-files.ts';

/**
 * What the page may do, and no more: its own modules, styles, pictures and requests. Nothing inline, nothing from elsewhere, no string
 * that becomes script.
 */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
};

/** The page for people. It holds no data: what it shows it asks for with the key of whoever reads it. */
@Controller()
export class DashboardController {
  readonly #files: DashboardFiles;

  constructor(@Inject(DashboardFiles) files: DashboardFiles) {
    this.#files = files;
  }

  @Route(DASHBOARD_PAGE)
  page(@Headers('if-none-match') known?: string) {
    return this.#answer('index.html', known, PAGE_HEADERS);
  }

  @Route(DASHBOARD_FILE)
  file(@Input() { params }: InputOf<typeof DASHBOARD_FILE>, @Headers('if-none-match') known?: string) {
    return this.#answer(params.file, known);
  }

  #answer(name: string, known: string | undefined, more: Record<string, string> = {}): Answer {
    const file = this.#files.find(name);
    if (file === null) throw notFound(`part of the dashboard named ${name}`, '/');
    // Asked for again at each load, so that a page is never made of two versions; mostly answered by 304.
    const headers = { etag: file.etag, 'cache-control': 'no-cache', ...more };
    if (known === file.etag) return new Answer(undefined, { status: 304, headers });
    return new Answer(file.text, { headers: { ...headers, 'content-type': file.mediaType } });
  }
}
