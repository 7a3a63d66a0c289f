#!/usr/bin/env bash
# Tries the Debian package in a fresh Debian of its own (a folder, by debootstrap; needs root and a mirror): install, run as
# the service's user, upgrade with the data kept, remove, purge. Then the program alone in a folder with nothing else,
# as the container has it. Needs what packaging/release.sh made.
set -euo pipefail
cd "$(dirname "$0")/.."

files=$(realpath "${CARGO_TARGET_DIR:-target}/release-files")
package=$(ls "$files"/baton_*.deb)
root=$(mktemp -d)
trap 'umount "$root"/*/proc "$root"/*/dev 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT

# inside ROOT COMMAND…: runs it there, with devices and processes.
inside() { local there=$root/$1; shift; chroot "$there" "$@"; }
mounted() { mkdir -p "$root/$1/proc" "$root/$1/dev"; mount --bind /proc "$root/$1/proc"; mount --bind /dev "$root/$1/dev"; }
expect() { echo "  $1"; shift; "$@" || { echo "FAILED: $*" >&2; exit 1; }; }
# serving ROOT USER COMMAND…: a server runs there while the command does.
serving() {
    local there=$1 user=$2; shift 2
    chroot --userspec="$user" "$root/$there" /usr/bin/baton serve > "$root/serve.log" 2>&1 & local server=$!
    for _ in $(seq 100); do inside "$there" /usr/bin/baton health >/dev/null 2>&1 && break; sleep 0.1; done
    expect "$*" inside "$there" "$@"
    kill "$server"
    wait "$server"
}
export BATON_DATA=/var/lib/baton BATON_LISTEN=127.0.0.1:4399

cat > "$root/routing.toml" <<'TOML'
[[apps]]
id = "111"
name = "Bot"
[[pages]]
id = "2001"
name = "Shop"
messenger.default_app = "Bot"
[[pages.connections]]
app = "Bot"
TOML

echo "A fresh Debian"
debootstrap --variant=minbase --include=adduser,ca-certificates stable "$root/debian" > "$root/debootstrap.log"
mounted debian
cp "$package" "$root/routing.toml" "$root/debian/srv/"
install_package() { inside debian dpkg --install "/srv/$1" > "$root/dpkg.log"; }
expect "install" install_package "$(basename "$package")"
user=$(inside debian id -u baton):$(inside debian id -g baton)
serving debian "$user" /usr/bin/baton apply -f /srv/routing.toml
serving debian "$user" /usr/bin/baton send 2001 you hello

dpkg-deb -R "$package" "$root/newer"
sed -i 's/^Version: .*/&+1/' "$root/newer/DEBIAN/control"
dpkg-deb -b "$root/newer" "$root/debian/srv/newer.deb" > /dev/null
expect "upgrade" install_package newer.deb
serving debian "$user" /usr/bin/baton thread show 2001 you

inside debian dpkg --remove baton > /dev/null
expect "what it knew stays when it is removed" test -f "$root/debian/var/lib/baton/baton.db"
inside debian dpkg --purge baton > /dev/null 2>&1
expect "and goes when it is purged" test ! -e "$root/debian/var/lib/baton" -a ! -e "$root/debian/etc/baton"

echo "The program and nothing else"
mkdir -p "$root"/alone/{usr/bin,var/lib/baton,etc/ssl/certs}
cp "$files/baton" "$root/alone/usr/bin/"
cp "$files/ca-certificates.crt" "$root/alone/etc/ssl/certs/"
cp "$root/routing.toml" "$root/alone/"
chown 65532:65532 "$root/alone/var/lib/baton"
mounted alone
serving alone 65532:65532 /usr/bin/baton apply -f /routing.toml

if command -v systemd-analyze > /dev/null; then
    echo "The unit"
    systemd-analyze security --offline=true --threshold=20 packaging/baton.service | tail -1
fi
echo "all well"
