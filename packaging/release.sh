#!/usr/bin/env bash
# Builds what is released, into target/release-files: the static program, a Debian package, completions, manual pages,
# what is in it (CycloneDX), and checksums. `packaging/release.sh` needs what `make release` needs, and for the package
# dpkg-dev and debhelper.
#
# The program is linked statically against glibc, which Rust can do for the machine's own architecture without another
# toolchain. For arm64 run the same script on an arm64 machine.
set -euo pipefail
cd "$(dirname "$0")/.."

machine=$(uname -m)
target=$machine-unknown-linux-gnu
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
built=${CARGO_TARGET_DIR:-target}
out=$built/release-files
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

say() { printf '\n%s\n' "$*"; }

say "The program, static, for $target"
make --no-print-directory console
export BATON_RELEASE="$version ($(git rev-parse --short=12 HEAD))"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin baton --target "$target"
rm -rf "$out"
mkdir -p "$out"/{empty,man,docs,completions/{bash,zsh,fish}}
install -m 0755 "$built/$target/release/baton" "$out/baton"
if readelf -d "$out/baton" | grep -q NEEDED; then echo "$out/baton is not static" >&2; exit 1; fi
test "$("$out/baton" --version)" = "baton $BATON_RELEASE"
cp packaging/baton.toml packaging/baton.service "$out/"
cp /etc/ssl/certs/ca-certificates.crt "$out/" 2>/dev/null || echo "ca-certificates is not installed: the container file has none" >&2

say "Completions and manual pages"
"$out/baton" completions bash > "$out/completions/bash/baton"
"$out/baton" completions zsh > "$out/completions/zsh/_baton"
"$out/baton" completions fish > "$out/completions/fish/baton.fish"
"$out/baton" man --out "$out/man"

say "What is in it, and whether it may be"
make --no-print-directory licences
command -v cargo-cyclonedx >/dev/null || cargo install --locked --debug --quiet cargo-cyclonedx
cargo cyclonedx --quiet --format json --target "$target" --manifest-path crates/server/Cargo.toml --override-filename baton.cdx
find crates -name baton.cdx.json -not -path 'crates/server/*' -delete
mv crates/server/baton.cdx.json "$out/docs/"
(cd console && npm sbom --sbom-format cyclonedx --omit dev) > "$out/docs/console.cdx.json"
cp README.md CHANGELOG.md "$out/docs/"

if command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null; then
    say "The Debian package"
    source=$built/debian/baton-$version
    rm -rf "$built/debian"
    mkdir -p "$source"
    cp -r packaging/debian "$source/debian"
    cp packaging/baton.service "$source/debian/baton.service"
    cp -r "$out" "$source/built"
    printf 'baton (%s) stable; urgency=medium\n\n  * %s\n\n -- The Baton authors <baton@localhost>  %s\n' \
        "$version" "See CHANGELOG.md." "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" > "$source/debian/changelog"
    (cd "$source" && dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo --no-check-builddeps)
    cp "$built/debian"/*.deb "$out/"
else
    echo "dpkg-dev and debhelper are not installed: no Debian package is built" >&2
fi

(cd "$out" && find . -maxdepth 1 -type f \( -name baton -o -name '*.deb' \) -printf '%P\n' | sort | xargs sha256sum > SHA256SUMS)
say "In $out:"
ls -l "$out"
