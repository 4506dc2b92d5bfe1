# One static binary in an image that holds nothing else: no shell, no libc, no root.
FROM golang:1.26.8-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY config/policies config/policies
COPY examples examples
COPY internal internal
# timetzdata: the image has no time zones, and packs may name one.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -pgo=cmd/nymstream/release.pgo -tags timetzdata -ldflags "-s -w" -o /out/nymstream ./cmd/nymstream
# What a new volume begins as: owned by the user that runs, closed to others.
RUN install -d -m 0700 /out/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/state /var/lib/nymstream
COPY --from=build /out/nymstream /nymstream
USER 65532:65532
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["/nymstream"]
CMD ["run", "-c", "/etc/nymstream/nymstream.yaml"]
