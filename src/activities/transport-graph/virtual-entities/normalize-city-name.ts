import { transliterate } from 'transliteration';

/** The kind of place before a name, as address registers write it. Only with its dot: «с» may begin a word. */
const KIND = /^(г|гор|пгт|рп|пос|п|с)\.\s*/u;

/**
 * The name as it stands in `virtual-stop-{normalized-city-name}`: Якутск → yakutsk, «г. Ытык-Кюёль» → ytyk-kyuel. Lower-case Latin letters,
 * digits and single dashes; ё counts as е, because half of the sources write it so. Empty when nothing of the name is left.
 */
export function normalizeCityName(name: string): string {
  const plain = name.normalize('NFC').trim().toLowerCase().replaceAll('ё', 'е').replace(KIND, '');
  return transliterate(plain)
    .toLowerCase()
    .replaceAll(/['’ʹʺ"`]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}
