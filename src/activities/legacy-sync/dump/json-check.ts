const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Deeper nesting is legal JSON, but may exceed PostgreSQL's stack limit. */
const DEEPEST = 500;

/** What JSON.parse accepts and jsonb refuses: NUL, half a surrogate pair, an exponent that numeric cannot hold. */
const NOT_FOR_POSTGRES = /\\u(?:0000|[dD][89a-fA-F])|[0-9][eE][+-]?[0-9]{4}/;

/** Whether PostgreSQL's jsonb accepts these bytes. In doubt it answers no, and the value is kept as text. */
export function isPostgresJson(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    const text = strictUtf8.decode(bytes);
    if (NOT_FOR_POSTGRES.test(text) || nesting(text) > DEEPEST) return false;
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) quoted = !quoted;
    else if (quoted) at += code === 0x5c ? 1 : 0;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}
