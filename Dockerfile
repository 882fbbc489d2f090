# A static program in an empty image: no shell, no root, nothing to update.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /comfyfake ./cmd/comfyfake

FROM scratch
COPY --from=build /comfyfake /comfyfake
USER 65532:65532
ENV COMFYFAKE_ADDR=0.0.0.0:8188
EXPOSE 8188
HEALTHCHECK --interval=5s --timeout=4s --start-period=2s CMD ["/comfyfake", "health"]
ENTRYPOINT ["/comfyfake"]
