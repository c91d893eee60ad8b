// Checks DPoP proofs (RFC 9449) as the servers received them. The suite checks only those of the authorization code
// flow and at the MCP server.
import { createHash, createPublicKey, verify } from "node:crypto";
import { claimsOf, headerOf } from "./jwt.mjs";

/** Yields assertions on the requests that must carry a proof: token requests, and requests to the MCP server. */
export function* checkDpopProofs(
  requests,
  { tokenRequests, authorized, tokenEndpoint, dpopAlgorithms, nonces },
) {
  const proofs = requests.map((request) => request.header("dpop"));
  yield [
    "one proof is sent with each token request and each request to the MCP server",
    proofs.every((values) => values.length === 1),
  ];
  const keys = new Set();
  const ids = new Set();
  const latest = new Map();
  for (const [index, request] of requests.entries()) {
    const [proof] = proofs[index];
    const header = headerOf(proof);
    const claims = claimsOf(proof);
    keys.add(thumbprint(header.jwk));
    ids.add(claims.jti);
    yield* checkProof(proof, request, dpopAlgorithms);
    const atTokenEndpoint = tokenRequests.includes(request);
    yield atTokenEndpoint
      ? checkProofAtTokenEndpoint(claims, tokenEndpoint)
      : checkProofAtMcpServer(claims, request);
    const { origin } = new URL(request.url);
    yield ["a proof has the latest nonce of its server", claims.nonce === latest.get(origin)];
    if (request.answer.nonce !== undefined) latest.set(origin, request.answer.nonce);
  }
  yield ["each proof has a different `jti`", ids.size === requests.length];
  yield ["all proofs use the same key", keys.size === 1];
  yield [
    "the access token is bound to that key",
    authorized.length > 0 && authorized.every(({ token }) => keys.has(claimsOf(token).cnf?.jkt)),
  ];
  yield ["each server that requires a nonce has requested it once", latest.size === (nonces ? 2 : 0)];
}

/** RFC 9449 §4.2, for both servers. */
function* checkProof(proof, { method, url, at }, algorithms) {
  const { typ, alg, jwk } = headerOf(proof);
  const { htm, htu, iat, jti } = claimsOf(proof);
  yield ["`typ` of a proof is dpop+jwt", typ === "dpop+jwt"];
  yield ["`alg` of a proof is one that the server lists", algorithms.includes(alg)];
  yield [
    "`jwk` of a proof is a public key without further members",
    Object.keys(jwk ?? {})
      .sort()
      .join() === "crv,kty,x,y",
  ];
  yield ["the signature of a proof is valid", isValid(proof, jwk)];
  yield ["`htm` of a proof is the method", htm === method];
  yield ["`htu` of a proof is the URL without its query", htu === url.split("?")[0]];
  yield ["`iat` of a proof is the current time", Math.abs(at - iat) < 60];
  yield ["`jti` of a proof is unguessable", typeof jti === "string" && jti.length >= 16];
}

/** RFC 9449 §5: a proof for a token request has no access token. */
function checkProofAtTokenEndpoint({ ath, htu }, tokenEndpoint) {
  return [
    "a proof at the token endpoint has its URL from the metadata, and no `ath`",
    htu === tokenEndpoint && ath === undefined,
  ];
}

/** RFC 9449 §7. */
function checkProofAtMcpServer({ ath }, { token }) {
  return [
    "`ath` of a proof is the hash of the access token in the same request",
    ath === sha256(token ?? ""),
  ];
}

/** Verifies a signature with ES256, the only algorithm that the suite's servers list. */
function isValid(proof, jwk) {
  try {
    const [header, claims, signature] = proof.split(".");
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const options = { key, dsaEncoding: "ieee-p1363" };
    return verify("sha256", Buffer.from(`${header}.${claims}`), options, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

/** The thumbprint (RFC 7638) of an elliptic curve key. */
function thumbprint(jwk) {
  const { crv, kty, x, y } = jwk ?? {};
  return sha256(JSON.stringify({ crv, kty, x, y }));
}

function sha256(text) {
  return createHash("sha256").update(text).digest("base64url");
}
