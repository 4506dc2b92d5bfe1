#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the secrets of docker-compose.yml that do not exist yet; changes none.
#
# Compose mounts the files as they are, and the containers run as other users: so the files are readable,
# and the folder is closed to everybody but you.
set -euo pipefail
dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/secrets
mkdir -p "$dir"
chmod 700 "$dir"
for name in kek_passphrase postgres_password grafana_admin_password; do
  [ -e "$dir/$name" ] && continue
  # Hexadecimal: a password stands in a URL as it is.
  (umask 022; head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$dir/$name.new")
  mv "$dir/$name.new" "$dir/$name"
  echo "made $dir/$name"
done
