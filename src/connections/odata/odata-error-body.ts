/** What the body of a refusal says, in any dialect. */
export interface OdataErrorBody {
  code: string | null;
  message: string | null;
}

const LONGEST = 300;

/** Reads V4, V3, V2 and 1C error bodies, JSON or XML; any other body, such as a proxy's page, gives nulls. */
export function readErrorBody(body: Buffer): OdataErrorBody {
  const text = new TextDecoder('utf-8').decode(body).trim();
  return text.startsWith('<') ? fromXml(text) : fromJson(text);
}

/** ` (code: message)`, or nothing. */
export function describeErrorBody({ code, message }: OdataErrorBody): string {
  const said = [code, message].filter((part) => part !== null && part !== '').join(': ');
  return said === '' ? '' : ` (${said})`;
}

function fromJson(text: string): OdataErrorBody {
  try {
    const body = JSON.parse(text) as Record<string, { code?: unknown; message?: unknown }> | null;
    const error = body?.['error'] ?? body?.['odata.error'];
    const message = error?.message;
    const inner = typeof message === 'object' && message !== null && 'value' in message ? message.value : message;
    return { code: plain(error?.code), message: plain(inner) };
  } catch {
    return { code: null, message: null };
  }
}

function fromXml(text: string): OdataErrorBody {
  const element = (name: string): string | null =>
    plain(new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)</(?:\\w+:)?${name}>`).exec(text)?.[1]);
  return /<(?:\w+:)?error[\s>]/.test(text)
    ? { code: element('code'), message: element('message') }
    : { code: null, message: null };
}

function plain(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const line = String(value).replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
