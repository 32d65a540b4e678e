import { transliterate } from 'transliteration';

/** The kind of place before a name, as address registers write it. The dot is required, because a name may begin with «с». */
const KIND = /^(г|гор|пгт|рп|пос|п|с)\.\s*/u;

/**
 * The name as it stands in `virtual-stop-{normalized-city-name}`: Якутск → yakutsk, «г. Ытык-Кюёль» → ytyk-kyuel. It has lower-case Latin
 * letters, digits and single dashes. ё counts as е, because about half of the sources write е for it. The result is empty when no such
 * character is left.
 */
export function normalizeCityName(name: string): string {
  const plain = name.normalize('NFC').trim().toLowerCase().replaceAll('ё', 'е').replace(KIND, '');
  return transliterate(plain)
    .toLowerCase()
    .replaceAll(/['’ʹʺ"`]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}
