import { z } from 'zod';
import { settingUnder } from './setting.ts';
import { count, isPlainAddress, milliseconds, secretReference, text } from './setting-kinds.ts';

/** The rows' keys say transport_graph for the sake of those that exist; the channels are the whole installation's. */
const setting = settingUnder('transport_graph');

/** By which ways the admin is told. */
export const ALERT_SETTINGS = {
  alertWebhook: setting(
    'alert.webhook',
    z
      .string()
      .refine((value) => value === '' || /^(file:\/.+|env:[A-Z][A-Z0-9_]*)$/.test(value) || isPlainAddress(value))
      .meta({ description: 'an http(s) address, `file:/path` or `env:NAME` of one that is a secret, or empty' }),
    '',
    'Alerts are posted there as JSON.',
  ),
  alertEmailTo: setting('alert.email_to', text, '', 'Alerts are mailed there; several addresses with commas.'),
  alertEmailFrom: setting('alert.email_from', text, 'fleetgraph@localhost', 'Sender of these mails.'),
  smtpHost: setting('alert.smtp_host', text, '', 'Mail server; empty: no mail.'),
  smtpPort: setting('alert.smtp_port', count.max(65_535), 587, 'Its port.'),
  smtpSecurity: setting(
    'alert.smtp_security',
    z.enum(['starttls', 'tls', 'none']),
    'starttls',
    'How the connection to it is encrypted.',
  ),
  smtpUser: setting('alert.smtp_user', text, '', 'Login there; empty: none.'),
  smtpPasswordRef: setting('alert.smtp_password_ref', secretReference, '', 'Where the password of that login lies.'),
  alertTimeoutMs: setting(
    'alert.timeout_ms',
    milliseconds.max(30_000),
    10_000,
    'Longest wait for webhook or mail server.',
  ),
} as const;
