# The web pages, the static binary, and then nothing but that binary with the public certificate authorities, run by a user without rights.
FROM node:22-bookworm-slim AS web
WORKDIR /src/webapp
COPY webapp/package.json webapp/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY webapp/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/webapp/dist/ webapp/dist/
ARG VERSION=dev
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/countersign ./cmd/countersign
# An empty base has no folders: one for SQLite (a volume keeps its owner), one for temporary files.
RUN mkdir -p /out/data /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/countersign /countersign
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
ENV COUNTERSIGN_DATA_DIR=/data COUNTERSIGN_ADDR=0.0.0.0:8080 COUNTERSIGN_COMPANION_ADDR=0.0.0.0:8081
EXPOSE 8080 8081
VOLUME /data
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/countersign", "doctor", "--ready", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["/countersign"]
CMD ["serve"]
