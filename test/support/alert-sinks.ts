import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from '@jest/globals';
import { SMTPServer } from 'smtp-server';

export interface AlertSinks {
  webhookUrl: string;
  smtpPort: number;
  /** Alerts that were posted since the last `clear`; `mails` has those that were mailed. */
  posts: Record<string, unknown>[];
  mails: string[];
  /** Sets the status that the webhook answers with; 204 at first. */
  answerWith(status: number): void;
  clear(): void;
  close(): Promise<void>;
}

/** Starts the admin's webhook and mail server in this process. */
export async function startAlertSinks(): Promise<AlertSinks> {
  let status = 204;
  const posts: Record<string, unknown>[] = [];
  const mails: string[] = [];
  const web = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push(JSON.parse(body) as Record<string, unknown>);
      response.writeHead(status).end();
    });
  });
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, done) => {
      void text(stream).then((mail) => {
        mails.push(mail);
        done();
      });
    },
  });
  web.listen(0, '127.0.0.1');
  smtp.listen(0, '127.0.0.1');
  await Promise.all([once(web, 'listening'), once(smtp.server, 'listening')]);
  return {
    webhookUrl: `http://127.0.0.1:${(web.address() as AddressInfo).port}/alerts`,
    smtpPort: (smtp.server.address() as AddressInfo).port,
    posts,
    mails,
    answerWith: (code) => (status = code),
    clear: () => {
      posts.length = 0;
      mails.length = 0;
    },
    async close() {
      web.closeAllConnections();
      web.close();
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    },
  };
}

/** Looks twice, as two rounds do, and returns the subjects that the webhook got; the mail server got as many. */
export async function toldBy(sinks: AlertSinks, watch: () => Promise<void>): Promise<string[]> {
  sinks.clear();
  await watch();
  await watch();
  expect(sinks.mails).toHaveLength(sinks.posts.length);
  return sinks.posts.map(({ subject }) => String(subject));
}
