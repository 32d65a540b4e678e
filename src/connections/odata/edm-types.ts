/** What a tag of `$metadata` says, as far as types of properties need it. */
interface Tag {
  name: string;
  closes: boolean;
  attribute(name: string): string | undefined;
}

interface EntityType {
  base: string | undefined;
  types: Map<string, string>;
}

/** A type that is derived from more types than this is a circle. */
const DEEPEST_TYPE = 20;

/**
 * Reads the types of a set's properties, such as `Edm.DateTime`, from a service's `$metadata` (CSDL of any version), with those that its
 * entity type inherits. Empty when the document does not describe the set.
 */
export function propertyTypes(metadata: string, set: string): Map<string, string> {
  const entityTypes = new Map<string, EntityType>();
  let current: EntityType | null = null;
  let typeOfSet: string | undefined;
  for (const { name, closes, attribute } of tagsOf(metadata)) {
    if (name === 'EntityType') {
      current = closes ? null : { base: lastPart(attribute('BaseType')), types: new Map() };
      if (current !== null) entityTypes.set(attribute('Name') ?? '', current);
    } else if (name === 'Property' && !closes) {
      current?.types.set(attribute('Name') ?? '', attribute('Type') ?? '');
    } else if (name === 'EntitySet' && !closes && attribute('Name') === set) {
      typeOfSet = lastPart(attribute('EntityType'));
    }
  }
  const found = new Map<string, string>();
  let next = typeOfSet;
  for (let depth = 0; next !== undefined && depth < DEEPEST_TYPE; depth += 1) {
    const entity = entityTypes.get(next);
    for (const [property, type] of entity?.types ?? []) if (!found.has(property)) found.set(property, type);
    next = entity?.base;
  }
  return found;
}

/** Splits at brackets, without an expression over the whole text, which a hostile document could make slow. */
function* tagsOf(xml: string): Generator<Tag> {
  for (let at = xml.indexOf('<'); at >= 0; at = xml.indexOf('<', at)) {
    const comment = xml.startsWith('<!--', at);
    const end = xml.indexOf(comment ? '-->' : '>', at);
    if (end < 0) return;
    if (!comment) yield tagOf(xml.slice(at + 1, end));
    at = end;
  }
}

function tagOf(text: string): Tag {
  const closes = text.startsWith('/');
  const name = text.slice(closes ? 1 : 0).split(/[\s/]/, 1)[0] ?? '';
  return {
    // Documents may write `edm:Property`.
    name: lastPart(name, ':') ?? '',
    closes,
    attribute: (wanted) => new RegExp(`\\s${wanted}\\s?=\\s?["']([^"']*)`).exec(text)?.[1],
  };
}

/** `Depot.Flight` is the type `Flight` of the namespace `Depot`. */
const lastPart = (name: string | undefined, separator = '.'): string | undefined =>
  name?.slice(name.lastIndexOf(separator) + 1);
