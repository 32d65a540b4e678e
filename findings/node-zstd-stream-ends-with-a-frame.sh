#!/usr/bin/env bash
# Node.js 24.21.0, node:zlib: of zstd data of several frames (RFC 8878 allows it; an appended log, pzstd and every tool that compresses in
# blocks writes it) the stream and zstdDecompressSync give the first frame and end without an error. A stream gives the second frame, too,
# if it begins with a chunk of its own: the same bytes are longer or shorter by how they arrived. Of gzip members the same module gives all.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0
cat >frames.mjs <<'JS'
import { Readable } from 'node:stream';
import zlib from 'node:zlib';
const parts = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(1000)));
const [first, second] = parts.map((part) => zlib.zstdCompressSync(part));
const both = Buffer.concat([first, second]);
async function streamed(...chunks) {
  let bytes = 0;
  for await (const chunk of Readable.from(chunks).pipe(zlib.createZstdDecompress())) bytes += chunk.length;
  return bytes;
}
console.log(`gzip, two members: ${zlib.gunzipSync(Buffer.concat(parts.map((part) => zlib.gzipSync(part)))).length}`);
console.log(`zstd, at once: ${zlib.zstdDecompressSync(both).length}`);
console.log(`zstd, stream of one chunk: ${await streamed(both)}`);
console.log(`zstd, stream of a chunk per frame: ${await streamed(first, second)}`);
console.log(`zstd, stream cut within the second frame: ${await streamed(both.subarray(0, first.length + 3), both.subarray(first.length + 3))}`);
JS
seen=$(node_modules/.bin/node frames.mjs)
expected=$(cat <<'TXT'
gzip, two members: 2000
zstd, at once: 1000
zstd, stream of one chunk: 1000
zstd, stream of a chunk per frame: 2000
zstd, stream cut within the second frame: 1000
TXT
)
printf 'Node.js %s, bytes read of 2000\n%s\n' "$(node_modules/.bin/node --version)" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
