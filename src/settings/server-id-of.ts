/** The id that a server gets whose operator names none: `gps.depot-3.example` is `gps-depot-3-example`. */
export const serverIdOf = (host: string): string =>
  host
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63) || 'depot';
