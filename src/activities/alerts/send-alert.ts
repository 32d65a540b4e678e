import { createTransport } from 'nodemailer';
import { readPassword } from '../../connections/secrets.ts';
import type { AlertInput } from '../../workflows/alert-contract.ts';

/** Where alerts go, whichever pipeline raises them. An empty text turns a channel off. */
export interface AlertChannels {
  /** An address, or the reference of a secret that holds one. */
  alertWebhook: string;
  alertEmailTo: string;
  alertEmailFrom: string;
  smtpHost: string;
  smtpPort: number;
  smtpSecurity: 'tls' | 'starttls' | 'none';
  smtpUser: string;
  smtpPasswordRef: string;
  alertTimeoutMs: number;
}

/** Throws when the webhook did not take it. An address that is a secret stands in no message. */
export async function postWebhook(
  { alertWebhook }: AlertChannels,
  { workerId, subject, message, dedupeKey }: AlertInput,
  signal: AbortSignal,
): Promise<void> {
  const address = /^https?:/.test(alertWebhook) ? alertWebhook : (await readPassword(alertWebhook)).trim();
  if (!URL.canParse(address)) throw new Error('the webhook’s secret holds no address');
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workerId, subject, message, dedupeKey, at: new Date().toISOString() }),
    signal,
    redirect: 'error',
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
}

/** Throws when the mail server did not take it. */
export async function sendEmail(to: AlertChannels, { subject, message }: AlertInput): Promise<void> {
  const transport = createTransport({
    host: to.smtpHost,
    port: to.smtpPort,
    secure: to.smtpSecurity === 'tls',
    requireTLS: to.smtpSecurity === 'starttls',
    ignoreTLS: to.smtpSecurity === 'none',
    connectionTimeout: to.alertTimeoutMs,
    greetingTimeout: to.alertTimeoutMs,
    socketTimeout: to.alertTimeoutMs,
    ...(to.smtpUser === '' ? {} : { auth: { user: to.smtpUser, pass: await readPassword(to.smtpPasswordRef) } }),
  });
  try {
    const mail = { from: to.alertEmailFrom, to: to.alertEmailTo, subject: `[fleetgraph] ${subject}`, text: message };
    await transport.sendMail(mail);
  } finally {
    transport.close();
  }
}
