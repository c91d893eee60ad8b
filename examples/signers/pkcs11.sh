#!/bin/sh
# A signer for mcp-auth-runtime. It signs inside a hardware security module, using pkcs11-tool of OpenSC.
#
#   "signer": { "exec": ["./pkcs11.sh", "/usr/lib/softhsm/libsofthsm2.so", "agents", "01"] }
#
# The arguments are the PKCS #11 library of the module, the label of the token, and the ID of the key as shown by
# `pkcs11-tool --list-objects`. Do not use the label of the key: pkcs11-tool ignores it when it signs, and uses any key.
# The variable PKCS11_PIN has the PIN.
# stdin: { "alg": …, "kid": …, "input": … }, stdout: the signature in base64url, in JOSE format.
set -eu
umask 077

: "${PKCS11_PIN:?is not set}"
module=$1
token=$2
key=$3
request=$(cat)
field() {
  printf '%s' "$request" | sed -n "s/.*\"$1\":\"\([A-Za-z0-9_.-]*\)\".*/\1/p"
}
alg=$(field alg)
bits=${alg#??}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s' "$(field input)" >"$work/input"

sign() {
  pkcs11-tool --module "$module" --token-label "$token" --login --pin env:PKCS11_PIN \
    --sign --id "$key" --output-file "$work/signature" "$@" >&2
}

case $alg in
  RS*)
    sign --mechanism "SHA$bits-RSA-PKCS" --input-file "$work/input"
    ;;
  PS*)
    # The salt is as long as the hash (RFC 7518, section 3.5).
    sign --mechanism "SHA$bits-RSA-PKCS-PSS" --mgf "MGF1-SHA$bits" --salt-len "$((bits / 8))" --input-file "$work/input"
    ;;
  ES*)
    # Few modules support ECDSA with hashing, so the hash is computed here.
    openssl dgst "-sha$bits" -binary -out "$work/digest" "$work/input"
    sign --mechanism ECDSA --signature-format rs --input-file "$work/digest"
    ;;
  EdDSA | Ed25519)
    sign --mechanism EDDSA --input-file "$work/input"
    ;;
  *)
    exit 64
    ;;
esac

openssl base64 -A -in "$work/signature" | tr '+/' '-_' | tr -d '='
