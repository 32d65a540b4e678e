/** Whether `name` is in the IANA time zone database. An offset such as +02:00 is not: it knows no daylight saving time. */
export function isTimeZone(name: string): boolean {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const found = /^[A-Za-z]/.test(name) && isKnownToIntl(name);
  KNOWN.set(name, found);
  return found;
}

/** Asked at every reading of a legacy server, and a formatter takes 2 ms to make. */
const KNOWN = new Map<string, boolean>();

function isKnownToIntl(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
