/** What a part of a pattern reads: digits of a field, AM or PM, an offset such as +05:30, or the characters themselves. */
export type PatternField = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction';
export type PatternPart =
  | { kind: 'digits'; field: PatternField; least: number; most: number }
  | { kind: 'half-day' }
  | { kind: 'offset' }
  | { kind: 'text'; text: string };

const TOKEN = /YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|m|ss|s|S{1,6}|A|Z|\[[^\]]*\]|./gsu;
const FIELD_OF: Record<string, PatternField> = {
  Y: 'year',
  M: 'month',
  D: 'day',
  H: 'hour',
  h: 'hour',
  m: 'minute',
  s: 'second',
};
const NEEDED: PatternField[] = ['year', 'month', 'day', 'hour', 'minute'];
const HINT = 'YYYY or YY, MM or M, DD or D, HH or H (hh or h with A for AM and PM), mm, ss, S…, Z for an offset';

/** The parts of a pattern that `patternProblem` has nothing against. */
export function patternParts(pattern: string): PatternPart[] {
  return [...pattern.matchAll(TOKEN)].map(([token]) => partOf(token));
}

/** Why a pattern cannot be used to read times, or null. */
export function patternProblem(pattern: string): string | null {
  const parts = patternParts(pattern);
  const stray = parts.find((part) => part.kind === 'text' && /^[A-SU-Za-z]$/.test(part.text));
  if (stray !== undefined && 'text' in stray) {
    return `the letter ${stray.text} stands for nothing: a pattern is made of ${HINT}; other words stand in [brackets]`;
  }
  const names = parts
    .map((part) => (part.kind === 'digits' ? part.field : part.kind))
    .filter((name) => name !== 'text');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `it has the ${twice} twice`;
  const missing = NEEDED.filter((field) => !names.includes(field));
  if (missing.length > 0) return `it has no ${missing.join(', no ')}: a pattern is made of ${HINT}`;
  const twelveHours = /h/.test(pattern.replaceAll(/\[[^\]]*\]/g, ''));
  if (twelveHours !== names.includes('half-day')) return 'hh and A, for AM and PM, go together';
  return null;
}

function partOf(token: string): PatternPart {
  if (token === 'A') return { kind: 'half-day' };
  if (token === 'Z') return { kind: 'offset' };
  const most = token.length;
  if (/^S+$/.test(token)) return { kind: 'digits', field: 'fraction', least: 1, most };
  const field = /^(YY|YYYY|[MDHhms]{1,2})$/.test(token) ? FIELD_OF[token[0]!] : undefined;
  if (field !== undefined) return { kind: 'digits', field, least: most, most: Math.max(2, most) };
  return { kind: 'text', text: token.length > 1 && token.startsWith('[') ? token.slice(1, -1) : token };
}
