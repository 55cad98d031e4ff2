#!/bin/sh
# Finds or builds a real InfluxDB 2 server for the tests and prints its path.
#
# Order: $TRUCELINE_INFLUXD, `influxd` on PATH, the cached build, a fresh build.
# A fresh build takes 4 to 14 minutes on two cores: the Go module of InfluxDB
# OSS plus its Flux parser, a Rust static library that the module carries.
# Needs go (1.23 or newer), cargo, a C compiler and pkg-config.
set -eu

version=v2.7.12
cache=${XDG_CACHE_HOME:-$HOME/.cache}/truceline
server=$cache/influxd-$version

if [ -n "${TRUCELINE_INFLUXD:-}" ]; then
    [ -x "$TRUCELINE_INFLUXD" ] || { echo "influxd.sh: TRUCELINE_INFLUXD=$TRUCELINE_INFLUXD is no executable file" >&2; exit 1; }
    echo "$TRUCELINE_INFLUXD"; exit 0
fi
if command -v influxd >/dev/null 2>&1; then command -v influxd; exit 0; fi
if [ -x "$server" ]; then echo "$server"; exit 0; fi

for tool in go cargo cc pkg-config; do
    command -v "$tool" >/dev/null 2>&1 || { echo "influxd.sh: $tool is missing; install it and run again" >&2; exit 1; }
done
echo "influxd.sh: building InfluxDB $version into $cache, once; this takes some minutes" >&2

mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT INT TERM

module_dir() { (cd "$1" && go mod download -json "$2" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)".*$/\1/p'); }
influx=$(module_dir "$work" "github.com/influxdata/influxdb/v2@$version")
flux=$(module_dir "$influx" github.com/influxdata/flux)

# The Flux parser is compiled from the sources inside its Go module, outside the read-only module cache.
cp -r --no-preserve=mode "$flux/libflux" "$flux/stdlib" "$work/"
(
    cd "$work/libflux"
    RUSTFLAGS="--cap-lints allow" CARGO_TARGET_DIR="$work/target" \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_OPT_LEVEL=1 \
        cargo rustc --quiet --release --locked -p flux --crate-type staticlib
) >&2
cat > "$work/flux.pc" <<PC
Name: flux
Description: Flux parser
Version: 0
Libs: -L$work/target/release -lflux -ldl -lm -lpthread
Cflags: -I$work/libflux/include
PC
(
    cd "$influx"
    PKG_CONFIG_PATH="$work" go build -tags sqlite_foreign_keys,sqlite_json \
        -ldflags "-s -w -X main.version=$version" -o "$work/influxd" ./cmd/influxd
) >&2
mv "$work/influxd" "$server"
echo "$server"
