#!/bin/sh
# A signer for mcp-auth-runtime. It signs with a private key file, using openssl version 3 or later.
#
#   "signer": { "exec": ["./openssl.sh", "agent.pem"], "format": "der" }
#
# The variable KEY_PASSPHRASE has the passphrase of an encrypted key.
# stdin: { "alg": …, "kid": …, "input": … }, stdout: the signature in base64url. ECDSA signatures are DER.
set -eu
umask 077

key=$1
# Without a passphrase an encrypted key fails; openssl does not prompt.
export KEY_PASSPHRASE="${KEY_PASSPHRASE:-}"
request=$(cat)
field() {
  printf '%s' "$request" | sed -n "s/.*\"$1\":\"\([A-Za-z0-9_.-]*\)\".*/\1/p"
}
alg=$(field alg)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s' "$(field input)" >"$work/input"

case $alg in
  RS* | ES*)
    openssl dgst "-sha${alg#??}" -sign "$key" -passin env:KEY_PASSPHRASE -out "$work/signature" "$work/input"
    ;;
  PS*)
    openssl dgst "-sha${alg#??}" -sign "$key" -passin env:KEY_PASSPHRASE -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
      -out "$work/signature" "$work/input"
    ;;
  EdDSA | Ed25519)
    openssl pkeyutl -sign -rawin -inkey "$key" -passin env:KEY_PASSPHRASE -in "$work/input" -out "$work/signature"
    ;;
  *)
    exit 64
    ;;
esac

openssl base64 -A -in "$work/signature" | tr '+/' '-_' | tr -d '='
