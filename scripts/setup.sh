#!/bin/sh
# Checks the tools that a build needs and installs what the tests need: Mosquitto,
# Chromium, a real InfluxDB 2. Quick when all is there.
#
# usage: scripts/setup.sh [build|test]
set -eu

what=${1:-test}
missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing
  $1: $2"; }

need cargo "install Rust 1.90 or newer (https://rustup.rs)"
need cc "apt-get install build-essential"
if [ "$what" = test ]; then
    need go "install Go 1.23 or newer (for the real InfluxDB 2 of the tests)"
    need node "install Node.js 20 or newer"
    need make "apt-get install make"
    need apt-get "the tests install Mosquitto and Chromium from Debian's packages"
fi
if [ -n "$missing" ]; then
    echo "setup: these tools are missing:$missing" >&2
    exit 1
fi
[ "$what" = test ] || exit 0

packages=
want() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || packages="$packages $2"; }
want mosquitto mosquitto
want mosquitto_pub mosquitto-clients
want chromium "chromium fonts-noto-core"
want systemd-analyze systemd
want faketime faketime
want strace strace
want curl curl
want pkg-config pkg-config
if [ -n "$packages" ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "setup: installing$packages" >&2
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get -o DPkg::Lock::Timeout=200 update -qq
    # shellcheck disable=SC2086 # a list of names
    $sudo apt-get -o DPkg::Lock::Timeout=200 install -y -qq --no-install-recommends $packages >/dev/null
fi
"$(dirname "$0")/influxd.sh" >/dev/null
