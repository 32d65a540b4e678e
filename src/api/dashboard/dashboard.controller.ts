import { Controller, Headers, Inject } from '@nestjs/common';
import { Answer } from '../core/answer.ts';
import { notFound } from '../core/problem.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { DASHBOARD_FILE, DASHBOARD_PAGE } from './dashboard.routes.ts';
import { DashboardFiles } from './dashboard-files.ts';

/**
 * Restricts the page to its own modules, styles, pictures and requests. Inline code, foreign hosts and strings that become script are not
 * allowed.
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

/** Serves the page for people. It holds no data itself: it requests what it shows with its reader's key. */
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
    // The browser asks again at each load, so that a page never mixes two versions. The answer is mostly 304.
    const headers = { etag: file.etag, 'cache-control': 'no-cache', ...more };
    if (known === file.etag) return new Answer(undefined, { status: 304, headers });
    return new Answer(file.text, { headers: { ...headers, 'content-type': file.mediaType } });
  }
}
