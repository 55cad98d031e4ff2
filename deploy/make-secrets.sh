#!/bin/sh
# Makes the secrets of compose.yaml, each once, in deploy/secrets (or the folder given).
# Needs mosquitto_passwd (Debian: apt-get install mosquitto).
#
# usage: deploy/make-secrets.sh [FOLDER]
# A device gets its own password with:
#   mosquitto_passwd -b deploy/secrets/mqtt_passwords DEVICE_ID PASSWORD
set -eu

folder=${1:-$(dirname "$0")/secrets}
command -v mosquitto_passwd >/dev/null 2>&1 || {
    echo "make-secrets.sh: mosquitto_passwd is missing; apt-get install mosquitto" >&2
    exit 1
}
mkdir -p "$folder"
# The folder is closed to others; the files are open inside it, for containers read them as users of their own.
chmod 700 "$folder"
umask 022

for name in mqtt_password influxdb_password influxdb_token grafana_password; do
    if [ ! -s "$folder/$name" ]; then
        head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$folder/$name"
    fi
done
if [ ! -s "$folder/mqtt_passwords" ]; then
    : > "$folder/mqtt_passwords"
    mosquitto_passwd -b "$folder/mqtt_passwords" truceline "$(cat "$folder/mqtt_password")"
    # mosquitto_passwd closes the file to all but its owner.
    chmod 644 "$folder/mqtt_passwords"
fi
echo "secrets are in $folder" >&2
