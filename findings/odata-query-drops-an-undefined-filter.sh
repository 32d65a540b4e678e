#!/usr/bin/env bash
# odata-query 8.1.0: a filter whose value is undefined, or an empty object, is left out without a word, so that the query asks for the whole
# set. null and '' are kept. A property name in Cyrillic, as 1C has them, stays as it is while the value beside it is percent-encoded; and a
# GUID is written bare, as OData V4 wants it: 1C's V3 dialect takes it as guid'…' only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent odata-query@8.1.0
cat >ask.cjs <<'JS'
const query = require('odata-query').default;
const show = (what, filter) => console.log(`${what}: ${JSON.stringify(query({ filter }))}`);
show('undefined', { stop: undefined });
show('empty object', { stop: {} });
show('null', { stop: null });
show('empty text', { stop: '' });
show('cyrillic', { Город: 'Мирный' });
show('guid', { Ref_Key: { type: 'guid', value: '6d4f0f8c-3c5c-4cc0-8f39-6f1d1ef3a6a1' } });
JS
seen=$(node ask.cjs)
expected=$(cat <<'TXT'
undefined: ""
empty object: ""
null: "?$filter=stop eq null"
empty text: "?$filter=stop eq ''"
cyrillic: "?$filter=Город eq '%D0%9C%D0%B8%D1%80%D0%BD%D1%8B%D0%B9'"
guid: "?$filter=Ref_Key eq 6d4f0f8c-3c5c-4cc0-8f39-6f1d1ef3a6a1"
TXT
)
printf 'odata-query %s\n%s\n' "$(node -p "require('./node_modules/odata-query/package.json').version")" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
