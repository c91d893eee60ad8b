import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import { expectedPayload, type SignedJwt, sign, withSignature } from "./signed-jwt.js";

/** A JWT that differs from the expected one in one place. */
export interface JwtMutation {
  readonly name: string;
  readonly difference: string;
  readonly jwt: string;
}

/** Returns JWTs that each differ from the expected one in a single member, with a valid signature where possible. */
export async function jwtMutations(expected: SignedJwt): Promise<JwtMutation[]> {
  return [
    ...(await headerMutations(expected)),
    ...(await claimMutations(expected)),
    ...(await signatureMutations(expected)),
  ];
}

async function headerMutations(expected: SignedJwt): Promise<JwtMutation[]> {
  const { header, privateKey } = expected;
  const members = Object.keys(header).filter((name) => name !== "alg");
  const headers = [
    ...members.map((name) => ({ name: `no header ${name}`, of: name, to: { [name]: undefined } })),
    ...members.map((name) => ({ name: `another header ${name}`, of: name, to: { [name]: "another" } })),
    ...["kid", "x5t", "x5t#S256", "x5c", "cty", "unexpected"]
      .filter((name) => !(name in header))
      .map((name) => ({ name: `unexpected header ${name}`, of: name, to: { [name]: "unexpected" } })),
  ];
  return await Promise.all(
    headers.map(async ({ name, of, to }) => ({
      ...{ name, difference: `header ${of}` },
      jwt: await sign({ ...header, ...to }, expectedPayload(expected), privateKey),
    })),
  );
}

async function claimMutations(expected: SignedJwt): Promise<JwtMutation[]> {
  const { header, privateKey } = expected;
  const payload = expectedPayload(expected);
  const iat = Number(payload["iat"]);
  const claims = [
    ...Object.keys(payload).map((name) => ({
      name: `no claim ${name}`,
      of: name,
      to: { [name]: undefined },
    })),
    ...Object.keys(expected.claims).flatMap((name) => [
      { name: `another claim ${name}`, of: name, to: { [name]: `${payload[name]}x` } },
      { name: `the claim ${name} in a list`, of: name, to: { [name]: [payload[name]] } },
    ]),
    {
      name: "a claim iat in the future",
      of: "iat",
      to: { iat: iat + 3_600, exp: iat + 3_600 + expected.lifetime },
    },
    {
      name: "a claim iat of an hour ago",
      of: "iat",
      to: { iat: iat - 3_600, exp: iat - 3_600 + expected.lifetime },
    },
    { name: "another claim exp", of: "exp", to: { exp: Number(payload["exp"]) + 1 } },
    { name: "a claim jti that is no UUID", of: "jti", to: { jti: "1" } },
    { name: "a claim nbf", of: "nbf", to: { nbf: iat } },
    ...["scope", "target_audience", "unexpected"]
      .filter((name) => !(name in payload))
      .map((name) => ({ name: `an unexpected claim ${name}`, of: name, to: { [name]: "unexpected" } })),
  ];
  return await Promise.all(
    claims.map(async ({ name, of, to }) => ({
      ...{ name, difference: `claim ${of}` },
      // One `iat` for all of them: a second later, another `exp` would be the right one.
      jwt: await sign(header, { ...payload, jti: randomUUID(), ...to }, privateKey),
    })),
  );
}

async function signatureMutations(expected: SignedJwt): Promise<JwtMutation[]> {
  const { header, privateKey } = expected;
  const payload = () => expectedPayload(expected);
  const difference = "signature";
  const [first, second] = (await sign(header, payload(), privateKey)).split(".");
  const size = privateKey.asymmetricKeyType === "ec" ? 64 : 256;
  const other = otherAlgorithm(header.alg);
  return [
    {
      name: "a signature of another key",
      difference,
      jwt: await sign(header, payload(), sameKindOf(privateKey)),
    },
    {
      name: "a random signature",
      difference,
      jwt: `${first}.${second}.${randomBytes(size).toString("base64url")}`,
    },
    { name: "no signature", difference, jwt: withSignature(header, payload(), "") },
    {
      name: "alg none",
      difference: "header alg",
      jwt: withSignature({ ...header, alg: "none" }, payload(), ""),
    },
    ...(other === undefined
      ? []
      : [
          {
            name: `alg ${other}`,
            difference: "header alg",
            jwt: await sign({ ...header, alg: other }, payload(), privateKey),
          },
        ]),
  ];
}

/** Returns an algorithm that the same key can sign with. An EC key has none. */
function otherAlgorithm(alg: string): string | undefined {
  if (alg.startsWith("RS")) return alg.replace("RS", "PS");
  return alg.startsWith("PS") ? alg.replace("PS", "RS") : undefined;
}

// Created once, because an RSA key takes long.
let otherRsa: KeyObject | undefined;

function sameKindOf(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType === "ec") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  otherRsa ??= generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return otherRsa;
}
