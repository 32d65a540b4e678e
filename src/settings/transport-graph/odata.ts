import { z } from 'zod';
import { isMappingSetting } from '../odata-mapping.ts';
import { address, count, milliseconds, secretReference, text } from '../setting-kinds.ts';
import { isTimeZone } from '../time-zone.ts';
import { percent, setting } from './setting-kinds.ts';

/** Where the OData source is, how it is asked, and when what it gives is held. */
export const ODATA_SETTINGS = {
  odataUrl: setting('odata.url', address, '', 'Root of the OData service; empty: there is no source yet.'),
  odataSource: setting(
    'odata.source',
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
      .meta({ description: 'lower-case letters, digits and dashes' }),
    'odata',
    'Name of the source in `datasets` and in the keys of backups.',
  ),
  odataUser: setting('odata.user', text, '', 'Login for Basic authentication; empty: none.'),
  odataPasswordRef: setting('odata.password_ref', secretReference, '', 'Where the password of that login lies.'),
  odataMapping: setting(
    'odata.mapping',
    z
      .string()
      .refine(isMappingSetting)
      .meta({ description: 'a mapping as JSON, `file:/path` of one, or empty: the default (docs/odata-mapping.md)' }),
    '',
    'Which sets and properties of the source feed stops, routes and flights.',
  ),
  odataTimeZone: setting(
    'odata.time_zone',
    z.string().refine(isTimeZone).meta({ description: 'an IANA time zone name' }),
    'Asia/Yakutsk',
    'Zone of the source’s times that carry no offset, as those of 1C.',
  ),
  odataPageSize: setting('odata.page_size', count.max(100_000), 1_000, 'Rows asked for in one request.'),
  odataMaxPages: setting('odata.max_pages', count, 2_000, 'Pages of one set above which the source is refused.'),
  odataMaxPageBytes: setting(
    'odata.max_page_bytes',
    count,
    67_108_864,
    'Size of one response above which it is refused, before it is parsed.',
  ),
  odataMaxTotalBytes: setting(
    'odata.max_total_bytes',
    count,
    268_435_456,
    'Size of all responses of one sync above which it is refused; they are held in memory.',
  ),
  odataRequestTimeoutMs: setting(
    'odata.request_timeout_ms',
    milliseconds,
    60_000,
    'Longest wait for one response, with its body.',
  ),
  odataRequestAttempts: setting(
    'odata.request_attempts',
    count.max(10),
    3,
    'Attempts of one request, for network errors, 429 and 5xx only.',
  ),
  odataRetryInitialMs: setting(
    'odata.retry_initial_ms',
    milliseconds,
    1_000,
    'Wait before the second attempt of a request; doubles, plus or minus up to a quarter at random.',
  ),
  odataRetryMaxMs: setting(
    'odata.retry_max_ms',
    milliseconds,
    30_000,
    'Longest such wait; a source that asks for a longer one (`Retry-After`) counts as unavailable.',
  ),
  batchSize: setting('sync.batch_size', count.max(100_000), 1_000, 'Rows sent to PostgreSQL at a time.'),
  shrinkPercent: setting(
    'sync.shrink_percent',
    percent,
    20,
    'A set that lost a larger share of its rows is held until an operator approves it; an empty one always is.',
  ),
} as const;
