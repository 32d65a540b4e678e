# One image, three processes: worker (default), api, migrate. glibc, because Temporal's native module has no musl build.
FROM node:24.18.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:24.18.0-bookworm-slim
# scp is one of the ways a dump is fetched, and zstd and lz4 unpack it.
RUN apt-get update \
  && apt-get install -y --no-install-recommends openssh-client zstd lz4 \
  && rm -rf /var/lib/apt/lists/* \
  # ssh wants a name for the user it runs as.
  && groupadd --gid 10001 fleetgraph \
  && useradd --uid 10001 --gid 10001 --home-dir /var/lib/fleetgraph --shell /usr/sbin/nologin fleetgraph \
  # The volume mounted here takes over this folder's owner.
  && install --directory --owner=fleetgraph --group=fleetgraph --mode=0700 /var/lib/fleetgraph /var/lib/fleetgraph/staging
WORKDIR /app
# Each thread's own arena of glibc keeps what it once took: with two of them a worker stays some 35 MB smaller.
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps MALLOC_ARENA_MAX=2
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY migrations migrations
COPY data/cities data/cities
COPY docker/healthy.mjs docker/healthy.mjs
USER 10001:10001
CMD ["node", "dist/cli/main.js", "worker"]
