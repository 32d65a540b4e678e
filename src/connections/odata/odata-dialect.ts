/** `1c` is V3 as 1C:Enterprise publishes it under `/odata/standard.odata`. */
export type OdataDialect = 'v4' | 'v3' | 'v2' | '1c';

/** The dialect of an answer, by its body and its headers; an answer that shows none counts as V4. */
export function detectDialect(url: URL, body: object, headers: Headers): OdataDialect {
  if (Object.keys(body).some((name) => name.startsWith('@odata.'))) return 'v4';
  if (isOneC(url)) return '1c';
  if (Object.keys(body).some((name) => name.startsWith('odata.'))) return 'v3';
  if ('d' in body) return 'v2';
  return headers.get('dataserviceversion')?.startsWith('3') ? 'v3' : 'v4';
}

/** 1C publishes under this path, and a set's name begins with its kind. */
function isOneC(url: URL): boolean {
  if (/\/standard\.odata\//.test(url.pathname)) return true;
  const set = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
  return /^(Catalog|Document|DocumentJournal|InformationRegister|AccumulationRegister|ChartOfCharacteristicTypes)_/.test(
    set,
  );
}
