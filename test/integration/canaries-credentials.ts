// Faulty secrets, keys, certificates and functions of an agent, each with a canary in it.
import { generateKeyPairSync } from "node:crypto";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { McpAuthErrorCode, McpAuthOptions } from "../../src/index.js";
import type { Canaries } from "../support/canaries.js";
import { type Authority, selfSigned } from "../support/certificates.js";
import type { Failure } from "./canaries-failures.js";
import { encrypted } from "./canaries-identities.js";
import type { Stage } from "./canaries-stage.js";

type Fields = Readonly<Record<string, unknown>>;

export interface Plan {
  readonly failures: readonly Failure[];
  readonly options: Required<Pick<McpAuthOptions, "env" | "resolvers" | "signers">>;
}

/** Creates servers whose own secrets, keys, certificates or functions are faulty, with the expected error codes. */
export async function ownFailures(
  canaries: Canaries,
  stage: Stage,
  authority: Authority,
  folder: string,
): Promise<Plan> {
  const word = (label: string) => canaries.word(label);
  const file = (text: string | Uint8Array) => {
    files += 1;
    const path = join(folder, `${files}`);
    writeFileSync(path, text, { mode: 0o600 });
    // An old modification time, because the package waits for a file that was written a moment ago.
    utimesSync(path, 0, 0);
    return { file: `${files}` };
  };
  let files = 0;
  const env: Record<string, string> = {};
  const variable = (value: string) => {
    const name = `V${Object.keys(env).length}`;
    env[name] = value;
    return { env: name };
  };
  const shell = (code: string) => {
    const { file: path } = file(code);
    return ["/bin/sh", path];
  };
  const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
  const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  canaries.plantPem("private key, PEM", pem);
  canaries.plant("private key, JWK", String(jwk.d));
  const lines = pem.split("\n");
  const passphrase = canaries.fresh("passphrase");
  const encryptedPem = encrypted(canaries, pem, passphrase);
  const certificate = await authority.issue({ client: true });
  const other = await selfSigned({});
  canaries.plantPem("key of a certificate", certificate.privateKey);
  canaries.plantPem("key of a certificate", other.privateKey);
  const cert = variable(certificate.certificate);

  const secrets: Readonly<Record<string, object>> = {
    empty: variable(""),
    missing: { env: "NOT_THERE" },
    "a file that is not text": file(
      Buffer.concat([Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from(word("file that is not text"))]),
    ),
    "invalid JSON": { ...file(`{"secret":"${word("broken JSON")}"`), pointer: "/secret" },
    "nothing at the pointer": {
      ...file(JSON.stringify({ other: word("neighbour of a secret") })),
      pointer: "/secret",
    },
    "a variable that is not JSON": { ...variable(word("variable that is not JSON")), pointer: "/secret" },
    "nothing at the pointer into a variable": {
      ...variable(JSON.stringify({ other: word("neighbour of a secret") })),
      pointer: "/secret",
    },
    "an object at the pointer": {
      ...file(JSON.stringify({ secret: { of: word("object instead of a secret") } })),
      pointer: "/secret",
    },
    "a command that fails": {
      exec: shell(`echo ${word("stdout of a command")}; echo ${word("stderr of a command")} >&2; exit 3`),
    },
    "a command that prints too much": {
      exec: shell(`echo ${word("stderr of a command")} >&2; yes ${word("stdout of a command")}`),
    },
    "a command that does not end": {
      exec: shell(`echo ${word("stdout of a command")}; echo ${word("stderr of a command")} >&2; sleep 5`),
      timeout: "100ms",
    },
    "a missing command": { exec: ["/not/there", "--quiet"] },
    "a function that throws": { resolver: "throws", ref: "ours" },
    "a function that rejects": { resolver: "rejects", ref: "ours" },
    "a function that throws a text": { resolver: "throwsText", ref: "ours" },
    "a function that returns an object": { resolver: "object", ref: "ours" },
    "a GitHub Actions token outside a job": { githubActions: {} },
  };
  const keys: Readonly<Record<string, object>> = {
    garbage: { privateKey: variable(canaries.fresh("garbage for a key")) },
    truncated: { privateKey: file(lines.slice(0, 2).join("\n")) },
    damaged: { privateKey: variable([lines[0], lines[2], lines[1], ...lines.slice(3)].join("\n")) },
    "an invalid JWK": { privateKey: variable(JSON.stringify({ ...jwk, kty: word("JWK") })) },
    "a damaged JWK": { privateKey: variable(JSON.stringify({ ...jwk, d: word("JWK") })) },
    "a symmetric JWK": { privateKey: variable(JSON.stringify({ kty: "oct", k: word("symmetric key") })) },
    "truncated JSON": { privateKey: file(JSON.stringify(jwk).slice(0, -10)) },
    several: { privateKey: variable(JSON.stringify({ keys: [jwk, { ...jwk, kid: "b" }] })) },
    "without its passphrase": { privateKey: variable(encryptedPem) },
    "with a wrong passphrase": {
      privateKey: variable(encryptedPem),
      passphrase: variable(canaries.fresh("wrong passphrase")),
    },
    "for another algorithm": { privateKey: variable(pem), alg: "RS256" },
    "with another certificate": { privateKey: variable(pem), certificate: variable(other.certificate) },
    "with garbage for a certificate": {
      privateKey: variable(pem),
      certificate: variable(canaries.fresh("garbage for a certificate")),
    },
  };
  const signers: Readonly<Record<string, object>> = {
    throws: { name: "throws" },
    "returns no signature": { name: "text" },
    fails: { exec: shell(`cat; echo ${word("stderr of a signer")} >&2; exit 1`) },
    "prints no signature": {
      exec: shell(`echo ${word("stdout of a signer")}; echo ${word("stderr of a signer")} >&2`),
    },
  };
  const certificates: Readonly<Record<string, object>> = {
    "for another key": { cert, key: variable(other.privateKey) },
    "with a wrong passphrase": {
      cert,
      key: variable(encryptedPem),
      passphrase: variable(canaries.fresh("wrong passphrase")),
    },
    "with garbage for a key": { cert, key: variable(canaries.fresh("garbage for a key")) },
    "that is garbage": {
      cert: variable(canaries.fresh("garbage for a certificate")),
      key: variable(certificate.privateKey),
    },
  };
  const clientOf = (credential: object) => ({ issuer: stage.issuer("own"), id: "agent", ...credential });
  const withClient = (credential: object): Fields => ({ grant: { client: clientOf(credential) } });
  const working = clientOf({ secret: variable(word("secret in a variable")) });
  const all = (
    kind: string,
    cases: Readonly<Record<string, object>>,
    toServer: (value: object) => Fields,
    code: McpAuthErrorCode,
  ) =>
    Object.entries(cases).map(
      ([name, value]): Failure => ({ name: `${kind}: ${name}`, code, server: toServer(value) }),
    );
  const lines2 = `${word("two lines")}\n${word("two lines")}`;
  return {
    failures: [
      ...all("secret", secrets, (secret) => withClient({ secret }), "secret_unavailable"),
      ...all("key", keys, (key) => withClient({ key }), "key_invalid"),
      ...all(
        "signer",
        signers,
        (signer) => withClient({ key: { signer, alg: "ES256" } }),
        "signer_unavailable",
      ),
      ...all("certificate", certificates, (each) => withClient({ certificate: each }), "key_invalid"),
      ...all("dpop", keys, (key) => ({ grant: { client: working }, dpop: { key } }), "key_invalid"),
      {
        name: "header: two lines",
        code: "secret_unavailable",
        server: { grant: { client: working }, headers: { "X-Key": variable(lines2) } },
      },
      {
        name: "header of a client: two lines",
        code: "secret_unavailable",
        server: withClient({
          secret: variable(word("secret in a variable")),
          headers: { "X-Gateway": variable(lines2) },
        }),
      },
      {
        name: "static: two lines",
        code: "secret_unavailable",
        server: { grant: { type: "static", token: variable(lines2) } },
      },
      {
        name: "subject: a function that throws",
        code: "secret_unavailable",
        server: {
          grant: {
            type: "token_exchange",
            client: working,
            subject: { token: { resolver: "throws", ref: "x" } },
          },
        },
      },
      {
        name: "hmac: too short",
        code: "key_invalid",
        server: withClient({ secret: variable(word("short").slice(0, 14)), method: "client_secret_jwt" }),
      },
    ],
    options: {
      env,
      resolvers: {
        throws() {
          throw hostError(canaries);
        },
        rejects: () => Promise.reject(hostError(canaries)),
        throwsText() {
          throw canaries.phrase("text that was thrown");
        },
        // JavaScript code can return anything.
        object: () => ({ secret: word("object instead of a secret") }) as unknown as string,
      },
      signers: {
        throws() {
          throw hostError(canaries);
        },
        text: () => Buffer.from(canaries.phrase("text instead of a signature")),
      },
    },
  };
}

/** Creates an error as a host's code might throw it, with canaries in everything that an error can carry. */
export function hostError(canaries: Canaries): Error {
  const cause = Object.assign(new TypeError(canaries.phrase("cause of an error")), { code: "ECONNRESET" });
  const error = new Error(canaries.phrase("message of an error"), { cause });
  return Object.assign(error, {
    body: canaries.phrase("member of an error"),
    code: canaries.word("code of an error"),
  });
}
